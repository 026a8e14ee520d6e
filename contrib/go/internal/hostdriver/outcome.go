package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"devlake_core/contrib/go/internal/probe"
	"devlake_core/contrib/go/runner"
)

// answer is a line of the output, the last one of its request.
type answer struct {
	ID       int        `json:"id"`
	Outcomes []*outcome `json:"outcomes"`
}

// event is a line of the output before that, where the request wants to follow its calls.
type event struct {
	ID     int             `json:"id"`
	Event  string          `json:"event"`  // started, line or log
	Number int             `json:"number"` // which of the calls that the request makes
	PID    int             `json:"pid,omitempty"`
	Line   json.RawMessage `json:"line,omitempty"`
	Level  string          `json:"level,omitempty"`
	Text   string          `json:"text,omitempty"`
}

// outcome is what one or many calls, equal to the last letter, came to.
type outcome struct {
	Call     int               `json:"call"` // index among the calls of the request
	OK       bool              `json:"ok"`
	Hung     bool              `json:"hung"`
	Output   json.RawMessage   `json:"output"`
	Lines    []json.RawMessage `json:"lines"`
	Error    string            `json:"error"`
	Status   int               `json:"status"`
	Signal   int               `json:"signal"`
	Category runner.Category   `json:"category"`
	Stderr   string            `json:"stderr"`
	Log      []logged          `json:"log"`
	// How long each of them took, and from its cancellation on.
	Took        []float64 `json:"ms"`
	AfterCancel []float64 `json:"after_cancel_ms"`
}

type logged struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

// outcomes counts equal outcomes together.
type outcomes struct {
	mutex sync.Mutex
	known map[string]*outcome
	all   []*outcome
}

func (o *outcomes) add(made *attempt) {
	made.mutex.Lock()
	one := made.outcome // a hung call may still be writing its own
	took, afterCancel := made.took, made.afterCancel
	made.mutex.Unlock()
	key, _ := json.Marshal(one)
	o.mutex.Lock()
	defer o.mutex.Unlock()
	known, ok := o.known[string(key)]
	if !ok {
		known = &one
		o.known[string(key)] = known
		o.all = append(o.all, known)
	}
	known.Took = append(known.Took, took)
	if afterCancel > 0 {
		known.AfterCancel = append(known.AfterCancel, afterCancel)
	}
}

// attempt is one call being made.
type attempt struct {
	request           *request
	call              call
	number            int
	writer            *writer
	mutex             sync.Mutex
	outcome           outcome
	took, afterCancel float64
	cancel            context.CancelFunc
}

type attemptKey struct{}

// make makes the call, or gives up waiting for it.
func (a *attempt) make(ctx context.Context, plugin *runner.Plugin) {
	ctx, a.cancel = context.WithCancel(ctx)
	defer a.cancel()
	ctx = context.WithValue(ctx, attemptKey{}, a)
	var cancelled time.Time
	context.AfterFunc(ctx, func() {
		a.mutex.Lock()
		defer a.mutex.Unlock()
		cancelled = time.Now()
	})
	if a.request.CancelAfter > 0 {
		timer := time.AfterFunc(milliseconds(a.request.CancelAfter), a.cancel)
		defer timer.Stop()
	}
	started := time.Now()
	done := make(chan error, 1)
	go func() { done <- a.invoke(probe.With(ctx, a.probe()), plugin) }()
	hung := time.NewTimer(milliseconds(a.request.Timeout))
	defer hung.Stop()
	var err error
	gaveUp := false
	select {
	case err = <-done:
	case <-hung.C:
		gaveUp = true
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.outcome.Hung = gaveUp
	a.took = float64(time.Since(started)) / float64(time.Millisecond)
	if !cancelled.IsZero() {
		a.afterCancel = float64(time.Since(cancelled)) / float64(time.Millisecond)
	}
	a.end(err)
}

func (a *attempt) invoke(ctx context.Context, plugin *runner.Plugin) error {
	args := make([]any, len(a.call.Args))
	for i, arg := range a.call.Args {
		args[i] = arg
	}
	switch a.call.kind() {
	case "call":
		output, err := plugin.Call(ctx, a.call.Method, args...)
		a.mutex.Lock()
		defer a.mutex.Unlock()
		a.outcome.Output = output
		return err
	case "progress":
		check := runner.OnProgress(func(runner.Progress) {})
		return plugin.Stream(ctx, a.call.Method, func(line json.RawMessage) error {
			a.line(line)
			return check(line)
		}, args...)
	default:
		return plugin.Stream(ctx, a.call.Method, func(line json.RawMessage) error {
			a.line(line)
			return nil
		}, args...)
	}
}

func (a *attempt) line(line json.RawMessage) {
	a.event(event{Event: "line", Line: line})
	a.mutex.Lock()
	a.outcome.Lines = append(a.outcome.Lines, line)
	enough := len(a.outcome.Lines) == a.request.CancelLines
	a.mutex.Unlock()
	if enough {
		a.cancel()
	}
}

func (a *attempt) log(level slog.Level, text string) {
	time.Sleep(milliseconds(a.request.Logger))
	a.event(event{Event: "log", Level: level.String(), Text: text})
	if a.request.Log {
		a.mutex.Lock()
		defer a.mutex.Unlock()
		a.outcome.Log = append(a.outcome.Log, logged{level.String(), a.request.masked(text)})
	}
}

func (a *attempt) event(what event) {
	if a.request.Follow {
		what.ID, what.Number = a.request.ID, a.number
		a.writer.write(what)
	}
}

func (a *attempt) end(err error) {
	a.outcome.OK = err == nil && !a.outcome.Hung
	if err != nil {
		a.outcome.Error = a.request.masked(err.Error())
	}
	var failed *runner.CallError
	if errors.As(err, &failed) {
		a.outcome.Status, a.outcome.Signal = failed.Status, int(failed.Signal)
		a.outcome.Category = failed.Category
		a.outcome.Stderr = a.request.masked(failed.Stderr)
	}
}

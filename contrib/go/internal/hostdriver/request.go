package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"devlake_core/contrib/go/internal/probe"
	"devlake_core/contrib/go/runner"
)

// request is a line of the input: calls to be made, or the id of a request to be cancelled.
type request struct {
	ID     int `json:"id"`
	Cancel int `json:"cancel"`

	// Calls are made one after the other, all of them Repeat times, by Parallel goroutines that
	// share the work.
	Calls    []call `json:"calls"`
	Repeat   int    `json:"repeat"`
	Parallel int    `json:"parallel"`

	// Safe leaves out the server's habits.
	Safe bool `json:"safe"`
	// Host names a host that other requests share, and with it what the server remembers of a
	// plugin. Without a name each request has its own.
	Host string `json:"host"`
	// Env is added to the environment of the calls; null takes a variable away.
	Env map[string]*string `json:"env"`
	// Logger is how many milliseconds the logger takes for a line.
	Logger float64 `json:"logger_ms"`
	// Timeout is after how many milliseconds a call counts as hung.
	Timeout float64 `json:"timeout_ms"`
	// CancelAfter cancels each call after that many milliseconds, CancelLines after so many lines
	// of results.
	CancelAfter float64 `json:"cancel_ms"`
	CancelLines int     `json:"cancel_lines"`
	// Stop ends the reading of a descriptor after that many bytes and leaves it open; Close closes
	// it.
	Stop  map[int]int `json:"stop"`
	Close map[int]int `json:"close"`
	// Mask is a regular expression; what it finds in errors and logs becomes "…", so that calls whose
	// texts differ in a number only count as equal.
	Mask string `json:"mask"`
	// Follow writes events as they come, Log tells the lines of the log in the outcome.
	Follow bool `json:"follow"`
	Log    bool `json:"log"`
}

// call is a call of one method.
type call struct {
	Dir    string            `json:"dir"`
	Plugin string            `json:"plugin"`
	Method string            `json:"method"`
	Args   []json.RawMessage `json:"args"`
	// Kind is call, stream or progress; without one it follows from the method.
	Kind string `json:"kind"`
}

func (c call) kind() string {
	switch {
	case c.Kind != "":
		return c.Kind
	case c.Method == "collect", c.Method == "extract", c.Method == "convert":
		return "progress"
	case c.Method == "remote-scopes":
		return "stream"
	}
	return "call"
}

// run makes all calls of a request.
func (r *request) run(ctx context.Context, hosts *hosts, writer *writer) []*outcome {
	own := hosts
	if r.Host == "" {
		own = newHosts()
	}
	work := make(chan int)
	var workers sync.WaitGroup
	outcomes := &outcomes{known: map[string]*outcome{}}
	for range r.Parallel {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for number := range work {
				index := number % len(r.Calls)
				made := &attempt{request: r, call: r.Calls[index], number: number, writer: writer}
				made.outcome.Call = index
				made.make(ctx, own.plugin(r, r.Calls[index]))
				outcomes.add(made)
			}
		}()
	}
	for number := range r.Repeat * len(r.Calls) {
		work <- number
	}
	close(work)
	workers.Wait()
	return outcomes.all
}

// hosts are the plugins as the server keeps them, with what it remembers of each.
type hosts struct {
	mutex   sync.Mutex
	plugins map[string]*runner.Plugin
}

func newHosts() *hosts { return &hosts{plugins: map[string]*runner.Plugin{}} }

func (h *hosts) plugin(r *request, c call) *runner.Plugin {
	settings, _ := json.Marshal([]any{r.Host, c.Dir, c.Plugin, r.Env, r.Safe})
	h.mutex.Lock()
	defer h.mutex.Unlock()
	plugin, ok := h.plugins[string(settings)]
	if !ok {
		plugin = runner.New(c.Dir, c.Plugin)
		plugin.Env = r.environment()
		plugin.AsServer = !r.Safe
		plugin.Log = func(ctx context.Context, level slog.Level, line string) {
			ctx.Value(attemptKey{}).(*attempt).log(level, line)
		}
		h.plugins[string(settings)] = plugin
	}
	return plugin
}

func (r *request) environment() []string {
	var environment []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if _, ok := r.Env[name]; !ok {
			environment = append(environment, variable)
		}
	}
	for name, value := range r.Env {
		if value != nil {
			environment = append(environment, name+"="+*value)
		}
	}
	return environment
}

func (r *request) masked(text string) string {
	if r.Mask == "" {
		return text
	}
	return regexp.MustCompile(r.Mask).ReplaceAllLiteralString(text, "…")
}

func milliseconds(number float64) time.Duration {
	return time.Duration(number * float64(time.Millisecond))
}

// probe breaks the pipes as the request wants it.
func (a *attempt) probe() probe.Probe {
	return probe.Probe{
		Started: func(pid int) { a.event(event{Event: "started", PID: pid}) },
		Pipe:    a.request.breakPipe,
	}
}

// Package runner calls DevLake's Python plugins from Go.
//
// It uses the same door as DevLake's server: the program <dir>/<plugin>/run.sh that `devlake bridge
// sync` writes, JSON documents as its arguments, results on descriptor 3, the log on standard output
// and standard error.
package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Grace is how long a cancelled call may take to end. The runner itself gives a plugin five seconds.
const Grace = 10 * time.Second

// Plugin is an installed plugin. Its methods may be called from several goroutines at once; its
// fields are set before.
type Plugin struct {
	// Name is the name of the plugin.
	Name string
	// Folder holds run.sh, and is the working directory of the calls.
	Folder string
	// Env is the environment of the calls, as in exec.Cmd: nil stands for that of this process.
	Env []string
	// LogLevel is how much the plugin shall log, "debug" for example.
	LogLevel string
	// Log is given each line that the plugin logs, errors with slog.LevelError and everything else
	// with slog.LevelInfo, from two goroutines; ctx is that of the call.
	Log func(ctx context.Context, level slog.Level, line string)
	// Grace is how long a cancelled call may take to end before it is killed; 0 stands for Grace.
	Grace time.Duration
	// AsServer gives the calls the habits of DevLake's server, the bad ones too. It is meant for
	// tests of the runner, which has to live with them: see server.go.
	AsServer bool

	cancelled atomic.Bool // of the server's habits
}

// New returns the plugin whose run.sh is in the folder <dir>/<name>.
func New(dir, name string) *Plugin {
	return &Plugin{Name: name, Folder: filepath.Join(dir, name)}
}

// Installed returns the plugins of a folder that `devlake bridge sync` wrote, by name.
func Installed(dir string) ([]*Plugin, error) {
	shims, err := filepath.Glob(filepath.Join(dir, "*", "run.sh"))
	if err != nil {
		return nil, err
	}
	plugins := make([]*Plugin, len(shims)) // Glob has sorted them
	for i, shim := range shims {
		plugins[i] = New(dir, filepath.Base(filepath.Dir(shim)))
	}
	return plugins, nil
}

// Call calls a method that answers with one JSON document: plugin-info, test-connection,
// make-pipeline. Each of args becomes one argument, as JSON.
func (p *Plugin) Call(ctx context.Context, method string, args ...any) (json.RawMessage, error) {
	var document []byte
	run := p.call
	if p.AsServer {
		run = p.callAsServer
	}
	err := run(ctx, method, args, func(line []byte) error {
		document = append(document, line...) // a document may come in several lines
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p.parse(method, document)
}

// Stream calls a method that answers with lines of JSON: remote-scopes, collect, extract, convert.
// Each line is given to each, on the calling goroutine; an error from it ends the call and is
// returned.
func (p *Plugin) Stream(
	ctx context.Context, method string, each func(json.RawMessage) error, args ...any,
) error {
	run := p.call
	if p.AsServer {
		run = p.streamAsServer
	}
	return run(ctx, method, args, func(line []byte) error {
		document, err := p.parse(method, line)
		if err != nil {
			return err
		}
		return each(document)
	})
}

func (p *Plugin) parse(method string, text []byte) (document json.RawMessage, err error) {
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, &OutputError{Plugin: p.Name, Method: method, Output: text, Err: err}
	}
	return document, nil
}

func (p *Plugin) log(ctx context.Context, level slog.Level, line []byte) {
	if p.Log != nil {
		p.Log(ctx, level, string(line))
	}
}

// Progress is a line of a running subtask.
type Progress struct {
	Increment int `json:"increment"` // records since the last line
	Current   int `json:"current"`   // records so far
	Total     int `json:"total"`     // records at the end; 0 where nobody knows
}

// OnProgress lets Stream read the lines of a subtask: collect, extract, convert. Lines that only
// say that the subtask is alive are left out.
func OnProgress(report func(Progress)) func(json.RawMessage) error {
	return func(line json.RawMessage) error {
		var progress Progress
		if err := json.Unmarshal(line, &progress); err != nil {
			return fmt.Errorf("progress %.100q: %w", line, err)
		}
		if progress != (Progress{}) {
			report(progress)
		}
		return nil
	}
}

package runner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"devlake_core/contrib/go/internal/probe"
)

// A line that is longer ends the call with an error.
const longestLine = 64 << 20

// process is a running call.
type process struct {
	cmd                     *exec.Cmd
	stdout, stderr, results io.ReadCloser
	// Our copy of the writing end of results. Who keeps it open never reads to an end.
	writer *os.File
}

func (p *Plugin) start(ctx context.Context, method string, args []any) (*process, error) {
	argv := []string{method}
	for _, arg := range append([]any{map[string]string{"log_level": p.LogLevel}}, args...) {
		text, err := json.Marshal(arg)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", p.Name, method, err)
		}
		argv = append(argv, string(text))
	}
	cmd := exec.Command("./run.sh", argv...)
	cmd.Dir = p.Folder
	if cmd.Env = p.Env; cmd.Env == nil {
		cmd.Env = os.Environ() // as it is: left to itself, exec would change PWD
	}
	child, err := pipes(cmd)
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		child.close()
		return nil, fmt.Errorf("%s %s: %w", p.Name, method, err)
	}
	looking := probe.From(ctx)
	looking.Started(cmd.Process.Pid)
	child.stdout = looking.Pipe(1, child.stdout)
	child.stderr = looking.Pipe(2, child.stderr)
	child.results = looking.Pipe(3, child.results)
	return child, nil
}

func pipes(cmd *exec.Cmd) (*process, error) {
	child := &process{cmd: cmd}
	reader, writer, err := os.Pipe()
	if err != nil {
		return child, err
	}
	child.results, child.writer = reader, writer
	cmd.ExtraFiles = []*os.File{writer}
	if child.stdout, err = cmd.StdoutPipe(); err != nil {
		return child, err
	}
	child.stderr, err = cmd.StderrPipe()
	return child, err
}

func (c *process) close() {
	for _, pipe := range []io.ReadCloser{c.stdout, c.stderr, c.results} {
		if pipe != nil {
			pipe.Close()
		}
	}
	if c.writer != nil {
		c.writer.Close()
	}
}

// scan gives each line to each. Lines over the limit are an error; the rest stays unread then.
func scan(pipe io.Reader, buffer, limit int, each func(line []byte)) error {
	scanner := bufio.NewScanner(pipe)
	scanner.Buffer(make([]byte, buffer), limit)
	for scanner.Scan() {
		each(bytes.Clone(scanner.Bytes()))
	}
	return scanner.Err()
}

// readAll scans to the end, so that no writer ever waits for a reader that gave up.
func readAll(pipe io.Reader, each func(line []byte)) error {
	err := scan(pipe, bufio.MaxScanTokenSize, longestLine, each)
	if errors.Is(err, os.ErrClosed) {
		return nil // closed by us: the call was cancelled, and something kept the pipe open
	}
	if err != nil {
		_, _ = io.Copy(io.Discard, pipe)
	}
	return err
}

// call runs a method, gives each line of its results to each, and returns when everything that the
// process wrote has been read and the process is gone.
func (p *Plugin) call(
	caller context.Context, method string, args []any, each func([]byte) error,
) error {
	if err := context.Cause(caller); err != nil {
		return err
	}
	child, err := p.start(caller, method, args)
	if err != nil {
		return err
	}
	defer child.close()
	child.writer.Close()
	ctx, end := context.WithCancel(caller)
	defer end()
	gone := make(chan struct{})
	go p.terminate(ctx, child, gone)

	var stderr strings.Builder
	var readers sync.WaitGroup
	var failed error // the first thing that is wrong with what was written
	readers.Add(2)
	go func() {
		defer readers.Done()
		_ = readAll(child.stdout, func(line []byte) { p.log(caller, slog.LevelInfo, line) })
	}()
	go func() {
		defer readers.Done()
		_ = readAll(child.stderr, func(line []byte) {
			stderr.Write(append(line, '\n'))
			p.log(caller, slog.LevelError, line)
		})
	}()
	broken := readAll(child.results, func(line []byte) {
		if failed != nil {
			return
		}
		if failed = each(line); failed != nil {
			end()
		}
	})
	readers.Wait()
	wait := child.cmd.Wait()
	close(gone)

	switch cancel := context.Cause(caller); {
	case cancel != nil && wait != nil:
		return p.failure(method, wait, cancel, stderr.String())
	case failed != nil:
		return failed
	case wait != nil:
		return p.failure(method, wait, nil, stderr.String())
	case broken != nil:
		return &OutputError{Plugin: p.Name, Method: method, Err: broken}
	}
	return nil
}

// terminate ends the process when the context is done.
func (p *Plugin) terminate(ctx context.Context, child *process, gone <-chan struct{}) {
	select {
	case <-gone:
		return
	case <-ctx.Done():
	}
	grace := p.Grace
	if grace == 0 {
		grace = Grace
	}
	// That the process is gone already is no error.
	_ = child.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-gone:
	case <-time.After(grace):
		_ = child.cmd.Process.Kill()
		child.close() // what it started may hold them open for ever
	}
}

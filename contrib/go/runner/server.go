package runner

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// The habits of DevLake's server, which the runner has to live with:
//
//   - The process is waited for while its pipes are still being read, and they are closed when it
//     has ended: what is in them then is lost.
//   - Nobody waits for the reader of standard error. What it reads after the other readers have
//     ended is sent on a closed channel: a panic, and the server is gone.
//   - A line of 5 MiB or more ends the reading of its pipe, and no error comes of it.
//   - A context is looked at after a message from the process only, and never in a Call.
//   - The process gets one SIGTERM and nothing after it; how it then ends is not looked at. After
//     the first time a plugin was cancelled, it is never sent another one.
//   - A Stream that cannot be started waits for ever.
//   - A Stream whose line is refused is left to itself, with its process and its readers.
//   - Nothing has a time limit.
const (
	serverLine   = 5 << 20
	serverBuffer = 32
)

// message is a line of the results, the failure of the process, or only the news of a line of log.
type message struct {
	result []byte
	err    error
}

// queue is a channel that is closed while others may still send: they panic. A channel of Go's would
// do the same, but the race detector would report each that is closed so, panic or not.
type queue struct {
	messages chan message
	closed   chan struct{}
}

func (q queue) send(m message) {
	const late = "send on closed channel: a line of standard error after the end of the call"
	select {
	case <-q.closed:
		panic(late)
	default:
	}
	select {
	case <-q.closed:
		panic(late)
	case q.messages <- m:
	}
}

func (q queue) receive() (message, bool) {
	select {
	case m := <-q.messages:
		return m, true
	case <-q.closed:
	}
	select {
	case m := <-q.messages:
		return m, true
	default:
		return message{}, false
	}
}

// text is a strings.Builder that is read while it is written.
type text struct {
	mutex   sync.Mutex
	builder strings.Builder
}

func (t *text) add(line []byte) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.builder.Write(line)
	t.builder.WriteByte('\n')
}

func (t *text) String() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.builder.String()
}

// conversation is a running call as the server sees it.
type conversation struct {
	process    *process
	queue      queue
	terminated atomic.Bool
}

func (p *Plugin) converse(ctx context.Context, method string, args []any) (*conversation, error) {
	child, err := p.start(ctx, method, args)
	if err != nil {
		return nil, err
	}
	queue := queue{make(chan message, serverBuffer), make(chan struct{})}
	talk := &conversation{process: child, queue: queue}
	var stderr text
	var open sync.WaitGroup // standard output, the results and the process; not standard error
	open.Add(3)
	go func() {
		_ = scan(child.stdout, serverLine, serverLine, func(line []byte) {
			p.log(ctx, slog.LevelInfo, line)
			queue.send(message{})
		})
		open.Done()
	}()
	go func() {
		_ = scan(child.stderr, serverLine, serverLine, func(line []byte) {
			p.log(ctx, slog.LevelError, line)
			queue.send(message{})
			stderr.add(line)
		})
	}()
	go func() {
		_ = scan(child.results, serverLine, serverLine, func(line []byte) {
			queue.send(message{result: line})
		})
		open.Done()
	}()
	go func() {
		defer child.close()
		if err := child.cmd.Wait(); err != nil && !talk.terminated.Load() {
			queue.send(message{err: p.failure(method, err, nil, stderr.String())})
		}
		open.Done()
	}()
	go func() {
		open.Wait()
		close(queue.closed)
	}()
	return talk, nil
}

func (p *Plugin) callAsServer(
	ctx context.Context, method string, args []any, each func([]byte) error,
) error {
	talk, err := p.converse(ctx, method, args)
	if err != nil {
		return err
	}
	for {
		m, ok := talk.queue.receive()
		if !ok || m.err != nil {
			return m.err
		}
		if err := each(m.result); err != nil {
			return err
		}
	}
}

func (p *Plugin) streamAsServer(
	ctx context.Context, method string, args []any, each func([]byte) error,
) error {
	received := make(chan message)
	talk, err := p.converse(ctx, method, args)
	if err != nil {
		received <- message{err: err} // for ever: who would receive it has not started yet
	}
	go func() {
		defer close(received)
		for {
			m, ok := talk.queue.receive()
			if !ok {
				return
			}
			if m.err != nil {
				received <- m
			}
			if !p.cancelled.Load() && ctx.Err() != nil {
				if err := talk.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
					received <- message{err: err}
					return
				}
				talk.terminated.Store(true)
				p.cancelled.Store(true)
			}
			if m.result != nil {
				received <- m
			}
		}
	}()
	for m := range received {
		if m.err != nil {
			return m.err
		}
		if err := each(m.result); err != nil {
			return err
		}
	}
	return nil
}

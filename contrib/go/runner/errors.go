package runner

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

// Category says what kind of failure a call ended with, and so what to do about it.
type Category string

// The categories. Only Transient ones are worth another try without anybody's doing.
const (
	PluginFailed  Category = "plugin"        // the plugin's own code
	Usage         Category = "usage"         // no such method, or too few arguments
	BadData       Category = "data"          // an argument or a record is not what it should be
	Internal      Category = "internal"      // the runner's code
	HostIO        Category = "host"          // results could not be handed over
	Transient     Category = "transient"     // a server is down, busy or limits us
	Auth          Category = "auth"          // refused credentials
	Configuration Category = "configuration" // an address, a setting, a missing migration
	Deadline      Category = "deadline"      // took too long
	Crashed       Category = "crashed"       // the plugin's process was killed
	Cancelled     Category = "cancelled"     // as we asked
)

var categories = map[int]Category{
	2: Usage, 65: BadData, 70: Internal, 74: HostIO, 75: Transient, 76: Internal, 77: Auth,
	78: Configuration, 124: Deadline, 130: Cancelled, 143: Cancelled,
}

// CategoryOf returns the category of an exit status other than 0.
func CategoryOf(status int) Category {
	if category, ok := categories[status]; ok {
		return category
	}
	if status < 0 || status > 128 {
		return Crashed
	}
	return PluginFailed
}

// CallError says that a call failed. errors.Is finds context.Canceled or context.DeadlineExceeded
// in it if that was why.
type CallError struct {
	Plugin, Method string
	// Status is the exit status; -1 if the process itself was killed.
	Status int
	// Signal is the signal that killed the process, or the plugin behind it; 0 for none.
	Signal   syscall.Signal
	Category Category
	// Stderr is all that the plugin wrote to standard error: who failed, where, and what to do.
	Stderr string

	err error
}

func (e *CallError) Error() string {
	said := strings.TrimRight("\n"+e.Stderr, "\n")
	return fmt.Sprintf("%s %s: %v (%s)%s", e.Plugin, e.Method, e.err, e.Category, said)
}

func (e *CallError) Unwrap() error { return e.err }

// failure makes an error of what cmd.Wait and the context say.
func (p *Plugin) failure(method string, wait, cancel error, stderr string) error {
	failed := &CallError{Plugin: p.Name, Method: method, Status: -1, Stderr: stderr, err: wait}
	var exit *exec.ExitError
	if errors.As(wait, &exit) {
		failed.Status = exit.ExitCode()
		if state, ok := exit.Sys().(syscall.WaitStatus); ok && state.Signaled() {
			failed.Signal = state.Signal()
		}
	}
	failed.Category = CategoryOf(failed.Status)
	if failed.Category == Crashed && failed.Status > 128 {
		failed.Signal = syscall.Signal(failed.Status - 128)
	}
	if cancel != nil {
		failed.Category = Cancelled
		failed.err = fmt.Errorf("%w: %w", cancel, wait)
	}
	return failed
}

// OutputError says that a plugin's answer is no JSON, or breaks off.
type OutputError struct {
	Plugin, Method string
	Output         []byte
	Err            error
}

func (e *OutputError) Error() string {
	return fmt.Sprintf("%s %s answered %.100q: %v", e.Plugin, e.Method, e.Output, e.Err)
}

func (e *OutputError) Unwrap() error { return e.Err }

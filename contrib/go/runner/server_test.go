package runner_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"devlake_core/contrib/go/internal/probe"
	"devlake_core/contrib/go/runner"
)

// asServer is fake with the server's habits.
func asServer(t *testing.T, code string) *runner.Plugin {
	t.Helper()
	plugin := fake(t, code)
	plugin.AsServer = true
	return plugin
}

func ignore(json.RawMessage) error { return nil }

// hangs says whether a function is still running after a while; it is left to itself.
func hangs(run func()) bool {
	done := make(chan struct{})
	go func() {
		run()
		close(done)
	}()
	select {
	case <-done:
		return false
	case <-time.After(500 * time.Millisecond):
		return true
	}
}

func TestServerLosesWhatIsInThePipeAtTheEnd(t *testing.T) {
	plugin := asServer(t, `printf '{}' >&3`)
	for range 1000 {
		if _, err := plugin.Call(context.Background(), "plugin-info"); err != nil {
			if !strings.Contains(err.Error(), "unexpected end of JSON input") {
				t.Error(err)
			}
			return
		}
	}
	t.Error("nothing was lost in 1,000 calls")
}

func TestServerPanicsAtALateLineOfStandardError(t *testing.T) {
	if os.Getenv("PANIC") != "" {
		plugin := asServer(t, `i=0; while [ $i -lt 50 ]; do echo $i >&2; i=$((i+1)); done`)
		plugin.Log = func(context.Context, slog.Level, string) { time.Sleep(time.Millisecond) }
		for range 50 {
			_, _ = plugin.Call(context.Background(), "plugin-info")
		}
		return
	}
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), "PANIC=1")
	said, err := again.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "panic: send on closed channel") {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestServerStopsReadingAtALongLineAndSaysNothing(t *testing.T) {
	plugin := asServer(t, `echo 1 >&3
		(head -c 5300000 /dev/zero | tr '\0' ' '; echo 2) >&3; sleep 0.2`)
	seen := 0
	err := plugin.Stream(context.Background(), "remote-scopes", func(json.RawMessage) error {
		seen++
		return nil
	})
	expect(t, err, nil)
	expect(t, seen, 1)
}

func TestServerTakesAnyNumberOfShorterLines(t *testing.T) {
	plugin := asServer(t, `i=0; while [ $i -lt 5 ]; do
		head -c 3000000 /dev/zero | tr '\0' ' '; echo; i=$((i+1)); done >&3; echo 1 >&3; sleep 0.2`)
	document, err := plugin.Call(context.Background(), "plugin-info")
	if err != nil || string(document) != "1" {
		t.Errorf("%d bytes, %v", len(document), err)
	}
}

func TestServerNoticesACancelAtAMessageAndForgetsHowTheProcessEnded(t *testing.T) {
	plugin := asServer(t, `trap 'exit 1' TERM; sleep 0.5; echo '{}' >&3; sleep 0.2; echo 1 >&3; sleep 0.2`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	started := time.Now()
	expect(t, plugin.Stream(ctx, "remote-scopes", ignore), nil)
	if took := time.Since(started); took < 500*time.Millisecond {
		t.Error("it was noticed before the message, after", took)
	}
	seen := 0
	err := plugin.Stream(ctx, "remote-scopes", func(json.RawMessage) error {
		seen++
		return nil
	})
	expect(t, err, nil)
	expect(t, seen, 2) // the second cancel did nothing
}

func TestServerDoesNotCancelACall(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := asServer(t, `sleep 0.1; echo 1 >&3; sleep 0.1`).Call(ctx, "test-connection")
	expect(t, err, nil)
}

func TestServerHangsWhereAStreamCannotStart(t *testing.T) {
	plugin := runner.New(t.TempDir(), "none")
	plugin.AsServer = true
	_, err := plugin.Call(context.Background(), "plugin-info")
	if err == nil {
		t.Error("a call should be told")
	}
	if !hangs(func() { _ = plugin.Stream(context.Background(), "collect", ignore) }) {
		t.Error("a stream was told")
	}
}

func TestServerLeavesAProcessWhoseLineItRefuses(t *testing.T) {
	pids := make(chan int, 1)
	ctx := probe.With(context.Background(), probe.Probe{Started: func(pid int) { pids <- pid }})
	plugin := asServer(t, `echo '{"current":1.0}' >&3; exec sleep 60`)
	err := plugin.Stream(ctx, "collect", runner.OnProgress(func(runner.Progress) {}))
	if err == nil || !strings.Contains(err.Error(), "cannot unmarshal number 1.0") {
		t.Error(err)
	}
	process, _ := os.FindProcess(<-pids)
	if err := process.Kill(); err != nil {
		t.Error("it is gone:", err)
	}
}

func TestServerTellsAFailureToo(t *testing.T) {
	plugin := asServer(t, `echo why >&2; sleep 0.2; exit 78`)
	for _, call := range []func() error{
		func() error { _, err := plugin.Call(context.Background(), "test-connection"); return err },
		func() error { return plugin.Stream(context.Background(), "remote-scopes", ignore) },
	} {
		failure := failed(t, call())
		expect(t, failure.Category, runner.Configuration)
		expect(t, failure.Stderr, "why\n")
	}
}

package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"devlake_core/contrib/go/runner"
)

// fake writes a plugin in shell; code is what run.sh does.
func fake(t *testing.T, code string) *runner.Plugin {
	t.Helper()
	plugin := runner.New(t.TempDir(), "fake")
	if err := os.Mkdir(plugin.Folder, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n" + code + "\n"
	if err := os.WriteFile(filepath.Join(plugin.Folder, "run.sh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return plugin
}

// log collects what a plugin logs.
func log(plugin *runner.Plugin) func() []string {
	var mutex sync.Mutex
	var lines []string
	plugin.Log = func(_ context.Context, level slog.Level, line string) {
		mutex.Lock()
		defer mutex.Unlock()
		lines = append(lines, fmt.Sprintf("%s %s", level, line))
	}
	return func() []string {
		mutex.Lock()
		defer mutex.Unlock()
		return lines
	}
}

// within fails the test if the function takes longer than it may.
func within(t *testing.T, limit time.Duration, run func()) {
	t.Helper()
	started := time.Now()
	run()
	if took := time.Since(started); took > limit {
		t.Errorf("it took %s of %s", took, limit)
	}
}

func expect(t *testing.T, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, not %v", got, want)
	}
}

// failed returns the typed error of a call.
func failed(t *testing.T, err error) *runner.CallError {
	t.Helper()
	var failed *runner.CallError
	if !errors.As(err, &failed) {
		t.Fatalf("%T %v is no CallError", err, err)
	}
	return failed
}

func TestCallSendsJSONAndReturnsADocumentOfSeveralLines(t *testing.T) {
	plugin := fake(t, `printf '{"method":"%s",\n"config":%s,\n"arguments":[%s,%s],"in":"%s"}' \
		"$1" "$2" "$3" "$4" "$(pwd)" >&3`)
	plugin.LogLevel = "debug"
	document, err := plugin.Call(context.Background(), "make-pipeline", []int{1}, map[string]any{"a": nil})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, string(document), `{"method":"make-pipeline","config":{"log_level":"debug"},`+
		`"arguments":[[1],{"a":null}],"in":"`+plugin.Folder+`"}`)
}

func TestNothingIsLostOfAProcessThatEndsAtOnce(t *testing.T) {
	plugin := fake(t, `head -c 300000 /dev/zero | tr '\0' ' ' >&3; echo '{"a":1}' >&3`)
	for range 50 {
		document, err := plugin.Call(context.Background(), "plugin-info")
		if err != nil {
			t.Fatal(err)
		}
		expect(t, string(document), `{"a":1}`)
	}
}

func TestAFailureTellsItsStatusItsCategoryAndItsWholeText(t *testing.T) {
	plugin := fake(t, `i=0; while [ $i -lt 200 ]; do echo "line $i" >&2; i=$((i+1)); done; exit 77`)
	lines := log(plugin)
	_, err := plugin.Call(context.Background(), "test-connection", map[string]string{})
	failure := failed(t, err)
	expect(t, failure.Status, 77)
	expect(t, failure.Category, runner.Auth)
	expect(t, strings.Count(failure.Stderr, "\n"), 200)
	expect(t, len(lines()), 200)
	expect(t, lines()[199], "ERROR line 199")
	if !strings.HasPrefix(err.Error(), "fake test-connection: exit status 77 (auth)\nline 0\n") {
		t.Error(err)
	}
}

func TestASignalIsToldWhoeverDied(t *testing.T) {
	for _, code := range []string{"kill -9 $$", "exit 137"} {
		_, err := fake(t, code).Call(context.Background(), "plugin-info")
		failure := failed(t, err)
		expect(t, failure.Signal, syscall.SIGKILL)
		expect(t, failure.Category, runner.Crashed)
	}
}

func TestEveryStatusHasACategory(t *testing.T) {
	for status, want := range map[int]runner.Category{
		1: runner.PluginFailed, 2: runner.Usage, 3: runner.PluginFailed, 65: runner.BadData,
		70: runner.Internal, 74: runner.HostIO, 75: runner.Transient, 78: runner.Configuration,
		124: runner.Deadline, 139: runner.Crashed, 143: runner.Cancelled, -1: runner.Crashed,
	} {
		expect(t, runner.CategoryOf(status), want)
	}
}

func TestAnAnswerThatIsNoJSONIsAnErrorOfItsOwn(t *testing.T) {
	var broken *runner.OutputError
	for _, code := range []string{"exit 0", `echo '{"a":' >&3`, "echo hello >&3"} {
		_, err := fake(t, code).Call(context.Background(), "plugin-info")
		if !errors.As(err, &broken) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestAMissingPluginAndATooLongArgumentAreTold(t *testing.T) {
	_, err := runner.New(t.TempDir(), "none").Call(context.Background(), "plugin-info")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	ignore := func(json.RawMessage) error { return nil }
	err = fake(t, "").Stream(context.Background(), "collect", ignore, strings.Repeat("x", 128<<10))
	if !errors.Is(err, syscall.E2BIG) {
		t.Error(err)
	}
}

func TestStreamGivesLinesProgressAndLog(t *testing.T) {
	plugin := fake(t, `
		echo "log of $4"
		echo '{"increment":2}' >&3; echo '{}' >&3; echo '{"current":3,"total":9}' >&3`)
	lines := log(plugin)
	var progress []runner.Progress
	subtask := runner.Subtask{Method: "collect", Arguments: []string{"users"}}
	err := plugin.Run(context.Background(), subtask, runner.Task{}, func(p runner.Progress) {
		progress = append(progress, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, progress, []runner.Progress{{Increment: 2}, {Current: 3, Total: 9}})
	expect(t, lines(), []string{`INFO log of "users"`})
}

func TestAnErrorOfTheReceiverEndsTheCall(t *testing.T) {
	plugin := fake(t, `echo 1 >&3; echo 2 >&3; exec sleep 60`)
	enough := errors.New("enough")
	within(t, 5*time.Second, func() {
		seen := 0
		err := plugin.Stream(context.Background(), "remote-scopes", func(json.RawMessage) error {
			seen++
			return enough
		})
		expect(t, err, enough)
		expect(t, seen, 1)
	})
}

func TestACancelIsImmediateAndWaitsForTheEnd(t *testing.T) {
	plugin := fake(t, `
		trap 'echo "{\"current\":\"cancelled\"}" >&3; echo "rolled back" >&2; exit 143' TERM
		echo '{"increment":1}' >&3
		sleep 60 </dev/null >/dev/null 2>&1 3>&1 &
		wait $!`)
	ctx, cancel := context.WithCancel(context.Background())
	within(t, 5*time.Second, func() {
		started := runner.OnProgress(func(runner.Progress) { cancel() })
		failure := failed(t, plugin.Stream(ctx, "collect", started))
		expect(t, failure.Category, runner.Cancelled)
		expect(t, failure.Stderr, "rolled back\n")
		expect(t, errors.Is(failure, context.Canceled), true)
	})
}

func TestADeadlineIsACancelToo(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := fake(t, "exec sleep 60").Call(ctx, "test-connection")
	expect(t, errors.Is(err, context.DeadlineExceeded), true)
	_, err = fake(t, "exec sleep 60").Call(ctx, "test-connection")
	expect(t, errors.Is(err, context.DeadlineExceeded), true)
}

func TestWhoDoesNotEndIsKilledWithItsPipes(t *testing.T) {
	plugin := fake(t, `trap '' TERM; echo 1 >&3; sleep 5 & sleep 5`)
	plugin.Grace = 200 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	within(t, 3*time.Second, func() {
		err := plugin.Stream(ctx, "remote-scopes", func(json.RawMessage) error {
			cancel()
			return nil
		})
		expect(t, failed(t, err).Signal, syscall.SIGKILL)
	})
}

func TestTheEnvironmentIsOursOrTheOneGiven(t *testing.T) {
	t.Setenv("FAKE", "ours")
	plugin := fake(t, `echo "\"$FAKE\"" >&3`)
	document, _ := plugin.Call(context.Background(), "plugin-info")
	expect(t, string(document), `"ours"`)
	plugin.Env = []string{"FAKE=given"}
	document, _ = plugin.Call(context.Background(), "plugin-info")
	expect(t, string(document), `"given"`)
}

func TestCallsRunAtOnce(t *testing.T) {
	plugin := fake(t, `echo "$3" >&3`)
	var calls sync.WaitGroup
	for i := range 50 {
		calls.Add(1)
		go func() {
			defer calls.Done()
			document, err := plugin.Call(context.Background(), "test-connection", i)
			if err != nil || string(document) != fmt.Sprint(i) {
				t.Errorf("%d: %s %v", i, document, err)
			}
		}()
	}
	calls.Wait()
}

func TestInstalledPluginsAndWhatTheyTell(t *testing.T) {
	plugin := fake(t, `echo '{"name":"fake","description":"A fake","plugin_path":"/x/run.sh","subtask_metas":
[{"name":"Collect Users","entry_point_name":"collect","arguments":["users"],"required":true}]}' >&3`)
	plugins, err := runner.Installed(filepath.Dir(plugin.Folder))
	if err != nil || len(plugins) != 1 {
		t.Fatal(plugins, err)
	}
	info, err := plugins[0].Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	expect(t, plugins[0].Name, "fake")
	expect(t, info.Description, "A fake")
	expect(t, info.Subtasks, []runner.Subtask{
		{Name: "Collect Users", Method: "collect", Arguments: []string{"users"}, Required: true},
	})
}

// Command example shows what Go code does with the runner, and how fast it is: it lists the
// installed plugins, tests a connection, and runs the subtasks of a plugin twice, each call with a
// Python of its own first (cold), then through the shared runner (warm).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"devlake_core/contrib/go/runner"
)

type settings struct {
	dir, plugin, database, scope, connection string
	settle                                   time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.dir, "dir", os.Getenv("REMOTE_PLUGIN_DIR"), "`folder` that devlake bridge sync wrote")
	flag.StringVar(&s.plugin, "plugin", "gitrepo", "`name` of the plugin that is run")
	flag.StringVar(&s.database, "db", "", "`URL` of the database; %s in it becomes cold or warm")
	flag.StringVar(&s.scope, "scope", "", "`JSON` of the scope to collect; none: no subtask is run")
	flag.StringVar(&s.connection, "connection", `{"id":1,"name":"example"}`, "`JSON` of the connection")
	flag.DurationVar(&s.settle, "settle", 15*time.Second, "how long the shared runner may take to start")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.show(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (s settings) show(ctx context.Context) error {
	if err := s.list(ctx); err != nil {
		return err
	}
	cold, err := s.run(ctx, "cold", "0")
	if err != nil {
		return err
	}
	if err := s.warmUp(ctx, cold[0].took); err != nil {
		return err
	}
	warm, err := s.run(ctx, "warm", "auto")
	if err != nil {
		return err
	}
	const row = "%-36s %9s %9s\n"
	fmt.Printf("\n"+row, "", "cold", "warm")
	var coldSum, warmSum time.Duration
	for i := range cold {
		fmt.Printf(row, cold[i].name, ms(cold[i].took), ms(warm[i].took))
		coldSum += cold[i].took
		warmSum += warm[i].took
	}
	fmt.Printf(row, "together", ms(coldSum), ms(warmSum))
	return nil
}

// list prints the installed plugins and what they tell about themselves.
func (s settings) list(ctx context.Context) error {
	plugins, err := runner.Installed(s.dir)
	if err != nil {
		return err
	}
	if len(plugins) == 0 {
		return fmt.Errorf("no plugin is installed in %q: run devlake bridge sync, give -dir", s.dir)
	}
	fmt.Println("Installed plugins:")
	for _, plugin := range plugins {
		info, err := plugin.Info(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("  %s  %s (%d subtasks)\n", info.Name, info.Description, len(info.Subtasks))
	}
	return nil
}

// at returns the plugin, called with the shared runner or without.
func (s settings) at(daemon string) *runner.Plugin {
	plugin := runner.New(s.dir, s.plugin)
	plugin.Env = append(os.Environ(), "DEVLAKE_DAEMON="+daemon)
	return plugin
}

// measured is a call and how long it took.
type measured struct {
	name string
	took time.Duration
}

// run makes all calls and measures them, the test of the connection first.
func (s settings) run(ctx context.Context, name, daemon string) (calls []measured, err error) {
	plugin := s.at(daemon)
	measure := func(name string, call func() error) {
		if err == nil {
			started := time.Now()
			err = call()
			calls = append(calls, measured{name: name, took: time.Since(started)})
		}
	}
	var info *runner.Info
	measure("test-connection", func() error { return s.testConnection(ctx, plugin, name) })
	measure("plugin-info", func() error { info, err = plugin.Info(ctx); return err })
	if err != nil || s.scope == "" {
		return calls, err
	}
	task := runner.Task{
		DatabaseURL: strings.ReplaceAll(s.database, "%s", name),
		Scope:       json.RawMessage(s.scope),
		Connection:  json.RawMessage(s.connection),
		Options:     map[string]any{},
	}
	for _, subtask := range info.Subtasks {
		measure(subtask.Name, func() error { return plugin.Run(ctx, subtask, task, nil) })
	}
	return calls, err
}

func (s settings) testConnection(ctx context.Context, plugin *runner.Plugin, name string) error {
	document, err := plugin.Call(ctx, "test-connection", json.RawMessage(s.connection))
	if err != nil {
		return err
	}
	var result struct {
		Success bool
		Message string
		Status  int
	}
	if err := json.Unmarshal(document, &result); err != nil {
		return err
	}
	fmt.Printf("Connection of %s, %s: %s (status %d)\n", s.plugin, name, result.Message, result.Status)
	if !result.Success {
		return fmt.Errorf("the connection of %s does not work", s.plugin)
	}
	return nil
}

// warmUp calls until an answer comes in less than half of the time of a cold one: the first call
// starts the shared runner and does not wait for it.
func (s settings) warmUp(ctx context.Context, cold time.Duration) error {
	plugin := s.at("auto")
	for started := time.Now(); time.Since(started) < s.settle; {
		call := time.Now()
		if _, err := plugin.Call(ctx, "test-connection", json.RawMessage(s.connection)); err != nil {
			return err
		}
		if time.Since(call) < cold/2 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Println("No shared runner came up: what is called warm is cold.")
	return nil
}

func ms(took time.Duration) string { return fmt.Sprintf("%d ms", took.Milliseconds()) }

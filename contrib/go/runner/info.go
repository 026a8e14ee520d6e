package runner

import (
	"context"
	"encoding/json"
)

// Info is what a plugin tells about itself; Call(ctx, "plugin-info") returns all of it, with the
// schemas and migrations that DevLake's server reads.
type Info struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	PluginPath  string    `json:"plugin_path"`
	Subtasks    []Subtask `json:"subtask_metas"`
}

// Subtask is a step of a pipeline.
type Subtask struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Method      string   `json:"entry_point_name"` // collect, extract or convert
	Arguments   []string `json:"arguments"`        // those after the task: the name of the stream
	Required    bool     `json:"required"`
	ByDefault   bool     `json:"enabled_by_default"`
	DomainTypes []string `json:"domain_types"`
}

// Task is the first argument of a subtask.
type Task struct {
	DatabaseURL string `json:"db_url"`
	Scope       any    `json:"scope"`
	Connection  any    `json:"connection"`
	ScopeConfig any    `json:"scope_config,omitempty"`
	Options     any    `json:"options,omitempty"`
}

// Info asks a plugin about itself.
func (p *Plugin) Info(ctx context.Context) (*Info, error) {
	document, err := p.Call(ctx, "plugin-info")
	if err != nil {
		return nil, err
	}
	info := new(Info)
	if err := json.Unmarshal(document, info); err != nil {
		return nil, &OutputError{Plugin: p.Name, Method: "plugin-info", Output: document, Err: err}
	}
	return info, nil
}

// Run runs a subtask. report, which may be nil, is told of the progress.
func (p *Plugin) Run(ctx context.Context, subtask Subtask, task any, report func(Progress)) error {
	if report == nil {
		report = func(Progress) {}
	}
	args := []any{task}
	for _, argument := range subtask.Arguments {
		args = append(args, argument)
	}
	return p.Stream(ctx, subtask.Method, OnProgress(report), args...)
}

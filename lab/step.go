package lab

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// measure runs a step that is built and says what it showed. The fields of
// the result that name the step are the caller's.
func (b *bench) measure(ctx context.Context, r release, e *Experiment, s *Step, ready built) StepRun {
	start := time.Now()
	var run StepRun
	switch {
	case ready.lacks != "":
		run = StepRun{Skipped: ready.lacks}
	case len(s.Source) > 0:
		run = s.runSource(r)
	case s.Go != nil:
		run = b.runGo(ctx, r, e, s)
	case s.Compile != nil:
		run = b.runCompile(ctx, r, e, s)
	case s.Explore:
		run = b.runExplore(ctx, r, e, s)
	case s.Build.Fails:
		run = s.runFailedBuild(ready)
	case !ready.ok:
		run = StepRun{Commands: ready.commands, Output: shorten(ready.output), Failed: "it does not build: " + firstError(ready.output)}
	default:
		run = b.runProgram(ctx, r, s, ready)
		if s.Litmus != nil && run.Failed == "" {
			order, err := s.Litmus.order(ctx, r, ready.dir)
			if err != nil {
				run.Failed = "the order of the accesses is not known: " + err.Error()
			}
			maps.Copy(run.Facts, order)
		}
	}
	if ctx.Err() != nil {
		run = StepRun{Skipped: interrupted}
	}
	run.Took = time.Since(start)
	return run
}

func (s *Step) runSource(r release) StepRun {
	facts, out, err := s.look(r)
	if err != nil {
		return StepRun{Failed: err.Error()}
	}
	var commands []string
	for _, q := range s.Source {
		command := "grep -nP " + quote(q.Find)
		for _, f := range q.Files {
			command += ` "$(GOTOOLCHAIN=go` + r.info.Version + ` go env GOROOT)"/src/` + f
		}
		if !slices.Contains(commands, command) {
			commands = append(commands, command)
		}
	}
	return StepRun{Commands: commands, Output: out, Facts: facts}
}

// runFailedBuild takes the output of a build that is expected to fail for the
// output of the step.
func (s *Step) runFailedBuild(ready built) StepRun {
	run := StepRun{Commands: ready.commands, Output: shorten(ready.output), Facts: Facts{"fails": !ready.ok}}
	s.count(run.Facts, []byte(ready.output))
	return run
}

// runProgram runs the children of a step and adds up what they printed.
func (b *bench) runProgram(ctx context.Context, r release, s *Step, ready built) StepRun {
	env := append(baseEnv(), "GORACE=atexit_sleep_ms=0") // a second for each child otherwise
	env = append(env, list(s.Run.Env)...)
	name := filepath.Base(ready.binary)
	run := StepRun{
		Commands: append(slices.Clone(ready.commands), shownCommand(r, s.Run.Env, append([]string{"./" + name}, s.Run.Args...)...)),
		Facts:    Facts{},
	}
	counted := s.Run.times() > 1 || len(s.Outcomes) > 0
	if counted {
		s.zero(run.Facts)
	}
	for range s.Run.times() {
		limit, cancel := context.WithTimeout(ctx, s.Run.timeout())
		c := runChild(limit, filepath.Dir(ready.binary), env, ready.binary, s.Run.Args...)
		cancel()
		if c.err != nil {
			return StepRun{Commands: run.Commands, Failed: c.err.Error()}
		}
		if ctx.Err() != nil {
			return run
		}
		clean := b.clean(r, ready.dir, c.output)
		facts, pictures, text := readOutput([]byte(clean))
		s.dropCounted(facts, counted)
		if run.Output == "" {
			run.Output, run.Pictures = shorten(text), pictures
		}
		if !counted {
			if c.status != 0 || c.timeout {
				run.Output = shorten(text)
				run.Failed = failure(c, s.Run.timeout(), text)
			}
			run.Facts = facts
			s.count(run.Facts, []byte(clean))
			break
		}
		run.Facts.merge(facts)
		s.count(run.Facts, []byte(clean))
		how := s.outcome(c, clean)
		run.Facts[how] = run.Facts[how].(int) + 1
		run.Facts["runs"] = run.Facts["runs"].(int) + 1
		if how == "failed" || how == "timeout" {
			run.Output = shorten(text) // what nobody expects is what a reader must see
		}
	}
	return run
}

// dropCounted drops printed facts whose names are those of counters.
func (s *Step) dropCounted(f Facts, counted bool) {
	maps.DeleteFunc(f, func(name string, _ any) bool {
		return s.patterns[name] != nil || counted && slices.Contains(counters, name)
	})
}

// counters are the facts that count children, besides the outcomes.
var counters = []string{"runs", "ok", "failed", "timeout"}

// zero sets the facts that count children: what has not happened has happened
// no times.
func (s *Step) zero(f Facts) {
	for _, name := range counters {
		f[name] = 0
	}
	for _, o := range s.Outcomes {
		f[o.Name] = 0
	}
}

// outcome names how a child ended.
func (s *Step) outcome(c child, out string) string {
	for _, o := range s.Outcomes {
		if s.patterns[o.Name].MatchString(out) {
			return o.Name
		}
	}
	switch {
	case c.timeout:
		return "timeout"
	case c.status != 0:
		return "failed"
	}
	return "ok"
}

// count adds the facts that are numbers of matching lines.
func (s *Step) count(f Facts, out []byte) {
	for name := range s.Facts {
		n, _ := number(f[name])
		for line := range bytes.Lines(out) {
			if s.patterns[name].Match(line) {
				n++
			}
		}
		f[name] = int(n)
	}
}

// failure says why a program that should succeed did not.
func failure(c child, limit time.Duration, text string) string {
	if c.timeout {
		return fmt.Sprintf("it did not end within %v", limit)
	}
	how := fmt.Sprintf("exit status %d", c.status)
	if c.status < 0 {
		how = "a signal ended it"
	}
	if first := firstError(text); first != "" {
		how += ": " + first
	}
	return how
}

// firstError is the line of an output that most likely says what went wrong.
func firstError(text string) string {
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
		if line != "" && !strings.HasPrefix(line, "#") && last == "" {
			last = line
		}
	}
	return last
}

// runGo runs a go command in a copy of the program's folder.
func (b *bench) runGo(ctx context.Context, r release, e *Experiment, s *Step) StepRun {
	dir, err := b.copied(e, s)
	if err != nil {
		return StepRun{Failed: err.Error()}
	}
	limit, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	c := runChild(limit, dir, r.tc.Env(append(baseEnv(), list(s.Go.Env)...)), r.tc.Go(), s.Go.Args...)
	if c.err != nil {
		return StepRun{Failed: c.err.Error()}
	}
	text := b.clean(r, dir, c.output)
	facts, pictures, rest := readOutput([]byte(text))
	s.dropCounted(facts, true)
	facts["status"] = c.status
	s.zero(facts)
	facts["runs"] = 1
	facts[s.outcome(c, text)] = 1
	s.count(facts, []byte(text))
	return StepRun{
		Commands: []string{shownCommand(r, s.Go.Env, append([]string{"go"}, s.Go.Args...)...)},
		Output:   shorten(rest), Facts: facts, Pictures: pictures,
	}
}

// copied writes a step's program where a command may change it.
func (b *bench) copied(e *Experiment, s *Step) (string, error) {
	files, err := e.files(s)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(b.temp, e.Name+"-"+s.Name+"-")
	if err != nil {
		return "", err
	}
	return dir, writeFiles(dir, files)
}

// The lines and bytes of an output that a record keeps: as much as a reader
// reads, from both ends.
const (
	keptLines = 120
	keptBytes = 8 << 10
)

func shorten(text string) string {
	lines := strings.SplitAfter(text, "\n")
	if len(lines) > keptLines {
		left := len(lines) - keptLines
		lines = slices.Concat(lines[:keptLines/2], []string{fmt.Sprintf("... %d lines left out ...\n", left)}, lines[len(lines)-keptLines/2:])
		text = strings.Join(lines, "")
	}
	if len(text) > keptBytes {
		text = strings.ToValidUTF8(text[:keptBytes], "") + fmt.Sprintf("\n... %d bytes left out ...\n", len(text)-keptBytes)
	}
	return text
}

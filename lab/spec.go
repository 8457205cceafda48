package lab

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/ghostread/ghostread/lab/litmus"
)

//go:embed all:_experiments
var experiments embed.FS

// Names lists the experiments built into ghostread, in alphabetical order.
func Names() []string {
	files, _ := fs.Glob(experiments, "_experiments/*/experiment.yaml") // the pattern is well formed
	var names []string
	for _, f := range files {
		names = append(names, path.Base(path.Dir(f)))
	}
	return names
}

// Builtin returns experiments built into ghostread: those that are named, or
// all in alphabetical order.
func Builtin(names ...string) ([]*Experiment, error) {
	root, err := fs.Sub(experiments, "_experiments")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = Names()
	}
	return Load(root, names...)
}

// Load reads experiments, each a folder of dir with an experiment.yaml. An
// error names the file and, where YAML gives one, the line.
func Load(dir fs.FS, names ...string) ([]*Experiment, error) {
	var all []*Experiment
	for _, folder := range names {
		name := path.Join(folder, "experiment.yaml")
		sub, err := fs.Sub(dir, folder)
		if err != nil {
			return nil, err
		}
		src, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		e, err := parse(folder, src, sub)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, e)
	}
	if err := Distinct(all); err != nil {
		return nil, err
	}
	return all, nil
}

// Distinct is an error if a reader could not tell the experiments apart, by
// their names or by the claims that they judge.
func Distinct(experiments []*Experiment) error {
	names, claims := map[string]bool{}, map[string]string{}
	for _, e := range experiments {
		if names[e.Name] {
			return fmt.Errorf("two experiments are called %s: run them one by one, or rename a directory", e.Name)
		}
		names[e.Name] = true
		for _, c := range e.Claims {
			if other := claims[c.ID]; other != "" {
				return fmt.Errorf("%s/experiment.yaml: claim %s is judged by %s already: run them one by one, or give the claim another id", e.Name, c.ID, other)
			}
			claims[c.ID] = e.Name
		}
	}
	return nil
}

// Experiment is a question with the steps that answer it.
type Experiment struct {
	Name     string `yaml:"-"` // the folder's
	Title    string
	Question string
	Rule     Rule
	Lesson   string // what it taught
	Steps    []*Step
	Claims   []*Claim
	Tables   []TableSpec

	dir fs.FS
}

// Step is one measurement: a program that is built and run, a search in the
// sources of the release, a go command, or a look at generated code.
type Step struct {
	Name     string
	Title    string
	Program  string // folder below the experiment's
	Build    Build
	Run      Run
	Outcomes Outcomes          // how a child may end; the first that matches counts
	Facts    map[string]string // fact name to regexp: the number of lines of output that match
	Since    string            // first release that has what the step looks at
	Until    string            // last one
	Language string            // go line of the go.mod, "1.18" when empty
	Needs    []string          // what the machine must have, see needs.go
	Optional string            // "tools": only when asked for

	Source  []Search   // instead of Program: look into GOROOT/src
	Go      *GoCommand // instead of Run: a go command
	Compile *Compile   // instead of Run: the compiler's listing
	Litmus  *Litmus    // instead of Program: generated from litmus tests
	Explore bool       // instead of Run: explore the tests of Program

	patterns map[string]*regexp.Regexp // of Outcomes and Facts
}

// Build says how a program is built.
type Build struct {
	Flags   []string
	Env     map[string]string
	Overlay []Edit
	Require []string // "module version"; the sums are in the program's sum.txt
	Fails   bool     // the build is expected to fail, and its output is the result
}

// Edit changes a file of the release's standard library for one build, on the
// user's machine.
type Edit struct {
	File     string // below GOROOT/src; may be a glob
	In       string // the top-level declaration to search in
	Find     string // regular expression
	Replace  string
	Count    int  // how often Find must occur; 0 means once, -1 at least once
	Optional bool // a release without the file, or without Find in it, is left as it is
}

// Run says how a program is run.
type Run struct {
	Args    []string
	Env     map[string]string
	Times   int // children; 0 means 1
	Timeout Duration
	Alone   bool // nothing else may run meanwhile
}

// Search counts the matches of an expression in GOROOT/src.
type Search struct {
	Fact  string
	Files []string // globs below GOROOT/src; _test.go files are left out
	In    string   // only within this top-level declaration
	Find  string

	find *regexp.Regexp
}

// GoCommand is a go command that runs in a program's folder.
type GoCommand struct {
	Args    []string
	Program string
	Env     map[string]string
}

// Compile asks for the compiler's listing of a package: of a program's folder,
// or of a package of the standard library.
type Compile struct {
	Program   string
	Package   string
	GOARCH    string
	Flags     []string
	Functions string // regular expression for the names of those that count

	functions *regexp.Regexp
}

// Litmus runs litmus tests; package litmus says what the fields mean.
type Litmus struct {
	Files      []string
	Iterations int
	Start      string
	NoPreload  bool `yaml:"no_preload"`
	NoPin      bool `yaml:"no_pin"`
	Compare    bool

	tests []*litmus.Test
}

// Claim is a sentence that is true or not, with what decides.
type Claim struct {
	ID          string
	Chapter     string // of the article that says so; empty for the lab's own
	Text        string
	Holds       string // predicate
	Control     string // predicate without which Holds says nothing: unknown when it is false
	Cannot      string // statistical: predicate over source or generated code that refutes
	Trials      string // statistical: expression for the number of tries
	Racy        bool   // what shows it is a program with a data race
	Rule        Rule   // the experiment's when empty
	Undecidable string // instead of Holds: why no experiment can tell
	Why         string
	Sources     []string

	holds, control, cannot, trials *predicate
}

// TableSpec puts facts of several steps side by side.
type TableSpec struct {
	Title   string
	Rows    []string // fact names
	Columns Columns
	Marks   map[string]Mark // by the value of a cell
}

// A Column is a step under a heading.
type Column struct{ Heading, Step string }

// Columns are written as a mapping of headings to steps, in order.
type Columns []Column

// UnmarshalYAML keeps the order of the mapping.
func (c *Columns) UnmarshalYAML(n *yaml.Node) error {
	return inOrder(n, func(key, value string) { *c = append(*c, Column{key, value}) })
}

// An Outcome is a way for a child to end, with the pattern that tells it.
type Outcome struct{ Name, Pattern string }

// Outcomes are written as a mapping of names to patterns, in order.
type Outcomes []Outcome

// UnmarshalYAML keeps the order of the mapping.
func (o *Outcomes) UnmarshalYAML(n *yaml.Node) error {
	return inOrder(n, func(key, value string) { *o = append(*o, Outcome{key, value}) })
}

func inOrder(n *yaml.Node, each func(key, value string)) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want a mapping", n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		each(n.Content[i].Value, n.Content[i+1].Value)
	}
	return nil
}

// Duration is a time.Duration written as 1.5s.
type Duration time.Duration

// UnmarshalYAML reads what time.ParseDuration reads.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*d = Duration(v)
	return nil
}

// defaultTimeout of a child is far above what a child takes, and below what
// would hold up a matrix.
const defaultTimeout = 20 * time.Second

func (r Run) timeout() time.Duration {
	if r.Timeout == 0 {
		return defaultTimeout
	}
	return time.Duration(r.Timeout)
}

func (r Run) times() int { return max(r.Times, 1) }

// parse reads an experiment.yaml.
func parse(name string, src []byte, dir fs.FS) (*Experiment, error) {
	e := &Experiment{Name: name, dir: dir}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	dec.KnownFields(true)
	if err := dec.Decode(e); err != nil {
		return nil, err
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	return e, nil
}

var nameOf = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// check finds what is missing or refers to nothing, and compiles expressions.
func (e *Experiment) check() error {
	switch {
	case e.Title == "":
		return fmt.Errorf("it has no title")
	case !strings.HasSuffix(e.Question, "?"):
		return fmt.Errorf("question %q is not one", e.Question)
	case e.Rule != Exact && e.Rule != Detector && e.Rule != Statistical:
		return fmt.Errorf("rule %q is none; write exact, detector or statistical", e.Rule)
	case strings.TrimSpace(e.Lesson) == "":
		return fmt.Errorf("it has no lesson")
	case len(e.Claims) == 0:
		return fmt.Errorf("it judges no claim")
	case slices.Contains(e.Claims, nil) || slices.Contains(e.Steps, nil):
		return fmt.Errorf("a step or a claim is empty")
	}
	steps := map[string]bool{}
	for _, s := range e.Steps {
		if !nameOf.MatchString(s.Name) || steps[s.Name] || predeclared[s.Name] {
			return fmt.Errorf("step %q: the name is taken, or is not lower case letters, digits and underscores", s.Name)
		}
		steps[s.Name] = true
		if err := e.checkStep(s); err != nil {
			return fmt.Errorf("step %s: %w", s.Name, err)
		}
	}
	for _, c := range e.Claims {
		if err := e.checkClaim(c, steps); err != nil {
			return fmt.Errorf("claim %s: %w", c.ID, err)
		}
	}
	for _, t := range e.Tables {
		for _, c := range t.Columns {
			if !steps[c.Step] {
				return fmt.Errorf("table %q: there is no step %q", t.Title, c.Step)
			}
		}
		for value, m := range t.Marks {
			if m != MarkGood && m != MarkBad && m != MarkDoubtful {
				return fmt.Errorf("table %q: %s is marked %q; a mark is good, bad or doubtful", t.Title, value, m)
			}
		}
	}
	return nil
}

func (e *Experiment) checkStep(s *Step) error {
	if s.Title == "" {
		return fmt.Errorf("it has no title")
	}
	ways := 0
	for _, is := range []bool{len(s.Source) > 0, s.Go != nil, s.Compile != nil, s.Litmus != nil, s.Program != ""} {
		if is {
			ways++
		}
	}
	if ways != 1 {
		return fmt.Errorf("it needs one of program, source, go, compile and litmus, and has %d", ways)
	}
	if folder := s.folder(); folder != "" {
		if info, err := fs.Stat(e.dir, folder); err != nil || !info.IsDir() {
			return fmt.Errorf("there is no folder %q", folder)
		}
	}
	if s.Optional != "" && s.Optional != "tools" {
		return fmt.Errorf("optional: %q is not known; it can be tools", s.Optional)
	}
	for _, n := range s.Needs {
		if _, ok := machineNeeds[n]; !ok {
			return fmt.Errorf("it needs %q, which nothing checks for", n)
		}
	}
	for _, v := range []string{s.Since, s.Until, s.Language} {
		if v != "" && !releaseName.MatchString(v) {
			return fmt.Errorf("%q is no release of Go", v)
		}
	}
	s.patterns = map[string]*regexp.Regexp{}
	for _, o := range s.Outcomes {
		if err := s.addPattern(o.Name, o.Pattern); err != nil {
			return err
		}
	}
	for name, pattern := range s.Facts {
		if err := s.addPattern(name, pattern); err != nil {
			return err
		}
	}
	for i := range s.Source {
		q := &s.Source[i]
		if !nameOf.MatchString(q.Fact) || len(q.Files) == 0 {
			return fmt.Errorf("source %q: it needs a fact's name and files", q.Fact)
		}
		var err error
		if q.find, err = multiline(q.Find); err != nil {
			return fmt.Errorf("source %s: %w", q.Fact, err)
		}
	}
	for _, edit := range s.Build.Overlay {
		if _, err := multiline(edit.Find); err != nil {
			return fmt.Errorf("overlay of %s: %w", edit.File, err)
		}
	}
	if c := s.Compile; c != nil {
		if (c.Program == "") == (c.Package == "") {
			return fmt.Errorf("compile needs either a program or a package")
		}
		var err error
		if c.functions, err = regexp.Compile("^(?:" + cmp.Or(c.Functions, ".*") + ")$"); err != nil {
			return fmt.Errorf("compile: functions: %w", err)
		}
	}
	if s.Litmus != nil {
		if err := s.Litmus.read(e.dir); err != nil {
			return err
		}
		s.Run.Alone = true
	}
	return nil
}

// multiline compiles an expression in which ^ and $ are those of a line.
func multiline(pattern string) (*regexp.Regexp, error) { return regexp.Compile("(?m)" + pattern) }

func (s *Step) addPattern(name, pattern string) error {
	if !nameOf.MatchString(name) || s.patterns[name] != nil || slices.Contains(counters, name) {
		return fmt.Errorf("fact %q: the name is taken, or is not lower case letters, digits and underscores", name)
	}
	re, err := multiline(pattern)
	if err != nil {
		return fmt.Errorf("fact %s: %w", name, err)
	}
	s.patterns[name] = re
	return nil
}

// folder is where the step's program is, "" when it has none of its own.
func (s *Step) folder() string {
	switch {
	case s.Go != nil:
		return s.Go.Program
	case s.Compile != nil:
		return s.Compile.Program
	}
	return s.Program
}

func (e *Experiment) checkClaim(c *Claim, steps map[string]bool) error {
	switch {
	case c.ID == "" || c.Text == "":
		return fmt.Errorf("it needs an id and a text")
	case (c.Holds == "") == (c.Undecidable == ""):
		return fmt.Errorf("it needs either holds or undecidable")
	case strings.TrimSpace(c.Why) == "" && c.Undecidable == "":
		return fmt.Errorf("it has no why")
	}
	if c.Rule == "" {
		c.Rule = e.Rule
	}
	if !slices.Contains([]Rule{Exact, Detector, Statistical}, c.Rule) {
		return fmt.Errorf("rule %q is none; write exact, detector or statistical", c.Rule)
	}
	if c.Rule != Statistical && (c.Cannot != "" || c.Trials != "") {
		return fmt.Errorf("cannot and trials are for statistical claims, and this one is %s", c.Rule)
	}
	var err error
	if c.holds, err = compilePredicate(c.Holds, steps, true); err != nil {
		return fmt.Errorf("holds: %w", err)
	}
	if c.control, err = compilePredicate(c.Control, steps, true); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	if c.cannot, err = compilePredicate(c.Cannot, steps, true); err != nil {
		return fmt.Errorf("cannot: %w", err)
	}
	if c.trials, err = compilePredicate(c.Trials, steps, false); err != nil {
		return fmt.Errorf("trials: %w", err)
	}
	return nil
}

// minorOf is 22 for 1.22 and 1.22.12, and -1 for anything else.
func minorOf(v string) int {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(v, "go"), "1.")
	if !ok {
		return -1
	}
	digits, _, _ := strings.Cut(rest, ".")
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i > 0 {
		digits = digits[:i] // 27rc1
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/finding"
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	srcRoot     = "%SRCROOT%" // the conventional name of the root of the sources
)

// The part of SARIF 2.1.0 that a finding needs. Field names are those of the
// specification.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool                `json:"tool"`
		BaseIDs     map[string]sarifArtifact `json:"originalUriBaseIds,omitempty"`
		Invocations []sarifInvocation        `json:"invocations"`
		Results     []sarifResult            `json:"results"` // never null: that would say the tool did not run
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string        `json:"id"`
		Name    string        `json:"name,omitempty"`
		Short   *sarifMessage `json:"shortDescription,omitempty"`
		Full    *sarifMessage `json:"fullDescription,omitempty"`
		Help    *sarifMessage `json:"help,omitempty"`
		Default *sarifLevel   `json:"defaultConfiguration,omitempty"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string       `json:"level"`
		Message sarifMessage `json:"message"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Kind         string            `json:"kind"`
		Level        string            `json:"level"`
		Message      sarifMessage      `json:"message"`
		Locations    []sarifLocation   `json:"locations,omitempty"`
		Related      []sarifLocation   `json:"relatedLocations,omitempty"`
		CodeFlows    []sarifCodeFlow   `json:"codeFlows,omitempty"`
		Stacks       []sarifStack      `json:"stacks,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints,omitempty"`
		Properties   sarifProperties   `json:"properties,omitempty"`
	}
	sarifProperties map[string]any
	sarifMessage    struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		ID       int                    `json:"id,omitempty"`
		Physical *sarifPhysical         `json:"physicalLocation,omitempty"`
		Logical  []sarifLogicalLocation `json:"logicalLocations,omitempty"`
		Message  *sarifMessage          `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI    string        `json:"uri,omitempty"`
		BaseID string        `json:"uriBaseId,omitempty"`
		About  *sarifMessage `json:"description,omitempty"`
	}
	sarifRegion struct {
		StartLine   int           `json:"startLine"`
		StartColumn int           `json:"startColumn,omitempty"`
		Snippet     *sarifMessage `json:"snippet,omitempty"`
	}
	sarifLogicalLocation struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifCodeFlow struct {
		ThreadFlows []sarifThreadFlow `json:"threadFlows"`
	}
	sarifThreadFlow struct {
		ID        string      `json:"id"`
		Locations []sarifStep `json:"locations"`
	}
	sarifStep struct {
		Location   sarifLocation `json:"location"`
		Stack      *sarifStack   `json:"stack,omitempty"`
		Kinds      []string      `json:"kinds,omitempty"`
		Order      int           `json:"executionOrder,omitempty"`
		Importance string        `json:"importance"`
	}
	sarifStack struct {
		Message *sarifMessage `json:"message,omitempty"`
		Frames  []sarifFrame  `json:"frames"`
	}
	sarifFrame struct {
		Location sarifLocation `json:"location"`
	}
)

func writeSARIF(w io.Writer, in Input) error {
	toolName, version, _ := strings.Cut(in.Tool, " ")
	if toolName == "" {
		toolName = "ghostread"
	}
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: toolName, Version: version, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{Successful: true, Notifications: notifications(in.Summary)}},
		Results:     []sarifResult{},
		BaseIDs:     map[string]sarifArtifact{srcRoot: {About: &sarifMessage{"The directory in which ghostread was run."}}},
	}
	if in.Dir != "" {
		root := run.BaseIDs[srcRoot]
		root.URI = fileURI(in.Dir) + "/"
		run.BaseIDs[srcRoot] = root
	}

	codes := make([]string, 0, len(in.Findings))
	for _, f := range in.Findings {
		codes = append(codes, f.Code)
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	for _, code := range codes {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule(code))
	}
	s := sarifWriter{in.Options, newExcerpts(in.Options)}
	for _, f := range in.Findings {
		index, _ := slices.BinarySearch(codes, f.Code)
		run.Results = append(run.Results, s.result(f, index))
	}

	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(sarifLog{sarifSchema, "2.1.0", []sarifRun{run}}); err != nil {
		return fmt.Errorf("write sarif: %w", err)
	}
	return nil
}

// notifications carries the unknown verdicts: SARIF has results for what was
// found, and nothing else would say that a test was not decided.
func notifications(s finding.Summary) []sarifNotification {
	var list []sarifNotification
	for _, o := range s.Outcomes {
		if o.Verdict != finding.Clean && o.Verdict != finding.Found {
			list = append(list, sarifNotification{"warning", sarifMessage{
				fmt.Sprintf("%s: unknown: %s", o.Subject, o.Reason)}})
		}
	}
	for _, u := range s.Uncontrolled() {
		list = append(list, sarifNotification{"note", sarifMessage{"not under control: " + u}})
	}
	return list
}

func rule(code string) sarifRule {
	c, ok := finding.Lookup(code)
	if !ok {
		return sarifRule{ID: code}
	}
	return sarifRule{
		ID:      c.Code,
		Name:    c.Name,
		Short:   &sarifMessage{c.Title},
		Full:    &sarifMessage{c.Title + ". " + c.Help + "."},
		Help:    &sarifMessage{c.Text},
		Default: &sarifLevel{level(c.Kind)},
	}
}

// level says how bad a kind is. What only costs resources or time is a warning.
func level(k finding.Kind) string {
	switch k {
	case finding.Leak, finding.Blocked, finding.Residue:
		return "warning"
	}
	return "error"
}

type sarifWriter struct {
	Options
	sources *excerpts
}

func (s sarifWriter) result(f finding.Finding, ruleIndex int) sarifResult {
	text := f.Title
	if f.Message != "" {
		text += "\n" + f.Message
	}
	if o := origin(f); o != "" {
		text += "\n" + o
	}
	if h := help(f); h != "" {
		text += "\nhelp: " + h
	}
	r := sarifResult{
		RuleID: f.Code, RuleIndex: ruleIndex, Kind: "fail", Level: level(f.Kind),
		Message:    sarifMessage{text},
		Properties: sarifProperties{"kind": f.Kind},
	}
	if f.Fingerprint != "" {
		r.Fingerprints = map[string]string{"ghostread/v1": f.Fingerprint}
	}
	if p := s.physical(f, f.Pos); p != nil {
		r.Locations = []sarifLocation{{Physical: p}}
	}
	if f.Executions > 0 {
		r.Properties["executions"] = f.Executions
	}
	if len(f.AlsoIn) > 0 {
		r.Properties["alsoIn"] = f.AlsoIn
	}
	if len(f.Notes) > 0 {
		r.Properties["notes"] = f.Notes
	}
	if w := f.Witness; w != nil && w.EarlyTimers > 0 {
		r.Properties["earlyTimers"] = w.EarlyTimers
	}
	if len(f.Waits) > 0 {
		r.Properties["waits"] = f.Waits
	}
	if w := f.Witness; w != nil && w.Command != "" {
		r.Properties["replay"] = w.Command
		r.Properties["scheduleHash"] = w.Hash
	}
	s.flows(&r, f)
	return r
}

// flows turns the evidence of f into one code flow with a thread flow for each
// goroutine. The position on the timeline orders the steps across goroutines.
func (s sarifWriter) flows(r *sarifResult, f finding.Finding) {
	var threads []sarifThreadFlow
	for i, e := range f.Evidence {
		text := roleLabel(f.Kind, e.Role) + ": " + e.Text
		if a := accessed(e); a != "" {
			text += ", " + a
		}
		loc := sarifLocation{ID: i + 1, Message: &sarifMessage{text}}
		if fr, ok := e.Place(); ok {
			loc.Physical = s.physical(f, finding.Position{File: fr.File, Line: fr.Line})
			loc.Logical = logical(fr.Func)
		}
		if loc.Physical != nil {
			r.Related = append(r.Related, loc)
		}
		step := sarifStep{Location: loc, Kinds: kinds(e.Role), Importance: "essential"}
		step.Location.ID = 0 // an id belongs to one location of the result
		if e.Role == finding.RoleNote || e.Role == finding.RoleSpawn {
			step.Importance = "important"
		}
		if f.Timeline != nil && e.Point >= 0 {
			step.Order = e.Point + 1
		}
		if st := s.stack(f, e); st != nil {
			step.Stack = st
			// The schema wants each stack once.
			if !slices.ContainsFunc(r.Stacks, func(have sarifStack) bool { return reflect.DeepEqual(have, *st) }) {
				r.Stacks = append(r.Stacks, *st)
			}
		}
		id := "evidence"
		if e.Goroutine > 0 {
			id = fmt.Sprintf("G%d", e.Goroutine)
		}
		at := slices.IndexFunc(threads, func(t sarifThreadFlow) bool { return t.ID == id })
		if at < 0 {
			at = len(threads)
			threads = append(threads, sarifThreadFlow{ID: id})
		}
		threads[at].Locations = append(threads[at].Locations, step)
	}
	if len(threads) > 0 {
		r.CodeFlows = []sarifCodeFlow{{threads}}
	}
}

func (s sarifWriter) stack(f finding.Finding, e finding.Evidence) *sarifStack {
	if len(e.Stack) == 0 {
		return nil
	}
	st := &sarifStack{Message: &sarifMessage{e.Text}}
	for _, fr := range e.Stack {
		st.Frames = append(st.Frames, sarifFrame{sarifLocation{
			Physical: s.physical(f, finding.Position{File: fr.File, Line: fr.Line}),
			Logical:  logical(fr.Func),
		}})
	}
	return st
}

func logical(fn string) []sarifLogicalLocation {
	if fn == "" {
		return nil
	}
	return []sarifLogicalLocation{{fn, "function"}}
}

// kinds are the words of the specification for what happens at a step.
func kinds(r finding.Role) []string {
	switch r {
	case finding.RoleRead, finding.RolePanic, finding.RoleAssert:
		return []string{"danger"}
	case finding.RoleWrite, finding.RoleOrigin:
		return []string{"memory"}
	case finding.RoleWait:
		return []string{"acquire", "lock"}
	case finding.RoleHold:
		return []string{"lock"}
	case finding.RoleSpawn:
		return []string{"call"}
	}
	return nil
}

func (s sarifWriter) physical(f finding.Finding, p finding.Position) *sarifPhysical {
	if p.File == "" {
		return nil
	}
	loc := &sarifPhysical{Artifact: s.artifact(p.File)}
	if p.Line > 0 {
		loc.Region = &sarifRegion{StartLine: p.Line, StartColumn: p.Col}
		if line, ok := s.sources.line(f.Timeline, p.File, p.Line); ok {
			loc.Region.Snippet = &sarifMessage{line}
		}
	}
	return loc
}

// artifact names a file below the working directory relative to it, so that a
// log that was made on one machine fits a checkout on another.
func (s sarifWriter) artifact(file string) sarifArtifact {
	rel, ok := s.relative(file)
	rel = filepath.ToSlash(rel)
	if !ok || rel == ".." || strings.HasPrefix(rel, "../") {
		return sarifArtifact{URI: fileURI(file)}
	}
	return sarifArtifact{URI: (&url.URL{Path: path.Clean(rel)}).String(), BaseID: srcRoot}
}

func fileURI(file string) string {
	p := filepath.ToSlash(filepath.Clean(file))
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // a Windows path begins with its drive
	}
	return strings.TrimSuffix((&url.URL{Scheme: "file", Path: p}).String(), "/")
}

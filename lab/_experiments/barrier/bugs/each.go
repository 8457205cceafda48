package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// A sight is what is in a process's output when something noticed a bug.
type sight struct {
	tool    string
	pattern *regexp.Regexp
}

// detected: the process was stopped, or a report written, in words that name
// the misuse.
var detected = []sight{
	{"asan", regexp.MustCompile(`AddressSanitizer: [\w-]+`)},
	{"checkptr", regexp.MustCompile(`checkptr: [^\n]+`)},
	{"race detector", regexp.MustCompile(`WARNING: DATA RACE`)},
	{"cgocheck", regexp.MustCompile(`Go pointer stored into non-Go memory`)},
	{"cgocheck", regexp.MustCompile(`(cgo argument|argument of cgo function) has Go pointer[^\n]*`)},
	{"cgocheck", regexp.MustCompile(`(cgo result|result of Go function \w+ called from cgo) (has|is) [^\n]+`)},
	{"checkmark", regexp.MustCompile(`checkmark found unmarked object|marking free object`)},
	{"collector", regexp.MustCompile(`found bad pointer in Go heap[^\n]*|found pointer to free object`)},
	{"stack copy", regexp.MustCompile(`invalid pointer found on stack`)},
	{"map", regexp.MustCompile(`concurrent map [^\n]+`)},
	{"cgo.Handle", regexp.MustCompile(`misuse of an invalid Handle`)},
	{"malloc", regexp.MustCompile(`(double free|invalid pointer|corrupt)[^\n]*`)},
}

// visible: the program does not go on with data that look right, but nothing
// says why.
var visible = []sight{
	{"clobbered", regexp.MustCompile(`(?m)^(first|later) = clobbered|0x\w*deadbeef\w*`)},
	{"fault", regexp.MustCompile(`unexpected fault address|SIGSEGV|SIGBUS`)},
	{"fatal", regexp.MustCompile(`fatal error: [^\n]+`)},
	{"panic", regexp.MustCompile(`(?m)^panic: [^\n]+`)},
}

var (
	factLine   = regexp.MustCompile(`(?m)^([a-z][a-z0-9_]*) = (.+)$`)
	resultLine = regexp.MustCompile(`(?m)^RESULT (\w+)`)
)

// each runs every case in n processes of its own and prints a verdict a case:
//
//	D          each process was stopped, or reported, in words that name the misuse
//	v          each process showed that something is wrong, not all said what
//	sometimes  some processes showed it
//	silent     none did
//
// It prints the facts of the last process too, with the case's name before them.
func each(n int, cases []string) {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bugs:", err)
		os.Exit(1)
	}
	var rows [][]string
	for _, name := range cases {
		if bugs[name] == nil {
			fmt.Printf("%s is not in this build\n", name)
			continue
		}
		stopped, seen := 0, 0
		said, last := "", ""
		for i := 0; i < n; i++ {
			output := child(self, name)
			if text, ok := find(detected, output); ok {
				stopped, seen, said = stopped+1, seen+1, text
			} else if text, ok := find(visible, output); ok {
				seen++
				if said == "" {
					said = text
				}
			}
			last = output
		}
		verdict := "silent"
		switch {
		case stopped == n:
			verdict = "D"
		case seen == n:
			verdict = "v"
		case seen > 0:
			verdict = "sometimes"
		}
		fact(name, verdict)
		got := "none"
		if m := resultLine.FindStringSubmatch(last); m != nil {
			got = m[1]
		}
		fact(name+"_result", got)
		for _, m := range factLine.FindAllStringSubmatch(last, -1) {
			fact(name+"_"+m[1], m[2])
		}
		if said != "" {
			fmt.Printf("  %s\n", said)
		}
		rows = append(rows, []string{name, sign[verdict] + verdict, got, said})
	}
	if n > 1 {
		return // many tools are compared: one table of all of them says more
	}
	title := "What the cases did"
	if setting := os.Getenv("GODEBUG"); setting != "" {
		title += " with GODEBUG=" + setting
	}
	picture, err := json.Marshal(map[string]interface{}{
		"kind":    "table",
		"title":   title,
		"columns": []string{"case", "verdict", "last result", "first words"},
		"rows":    rows,
		"notes":   []string{"D: stopped or reported in words that name the misuse. v: visible, not explained."},
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", picture)
}

// sign is how a table draws a verdict.
var sign = map[string]string{"D": "+", "v": "~", "sometimes": "~", "silent": "!"}

// child runs one case and returns all it wrote.
func child(self, name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, self, name).CombinedOutput()
	text := string(output)
	switch {
	case ctx.Err() != nil:
		text += "\nfatal error: no end within 20 s\n"
	case err != nil && !strings.Contains(text, "RESULT"):
		text += "\nfatal error: " + err.Error() + "\n"
	}
	return text
}

func find(sights []sight, output string) (string, bool) {
	for _, s := range sights {
		if m := s.pattern.FindString(output); m != "" {
			return s.tool + ": " + m, true
		}
	}
	return "", false
}

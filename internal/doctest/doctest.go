// Package doctest finds the commands that the documentation tells its reader
// to type, so that a test can type them.
//
// A command stands in a fenced block of Markdown whose info string begins
// with console or sh. In a console block a line that begins with "$ " is a
// command and the lines below it are what it prints; in a sh block every line
// is a command, except comments. Words after the language say how to treat
// the block:
//
//	exit=1   each command ends with this status; without it, with 0
//	varies   the output that is shown is an example and not compared
//	slow     the commands are not run, since they take long or end as chance
//	         has it; what they name has to exist
//
// The package reads text and runs nothing; its test does.
package doctest

import (
	"fmt"
	"strconv"
	"strings"
)

// A command is one line that a reader is told to type.
type command struct {
	File   string
	Line   int // of the command in File
	Text   string
	Want   string // the output that the documentation shows; "" if it shows none
	Status int
	Varies bool
	Slow   bool
}

// parse returns the commands of a Markdown file.
func parse(file, text string) ([]command, error) {
	var commands []command
	var fence, lang string // of the block that the line is in; "" outside
	var block command      // what the info string says about its commands
	var first int          // the block's first command is commands[first]
	for i, line := range strings.Split(text, "\n") {
		n := i + 1
		trimmed := strings.TrimSpace(line)
		switch {
		case fence == "" && strings.HasPrefix(trimmed, "```"):
			info := strings.TrimLeft(trimmed, "`")
			fence = trimmed[:len(trimmed)-len(info)]
			var err error
			lang, block, err = parseInfo(info)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, n, err)
			}
			block.File = file
			first = len(commands)
		case fence != "" && trimmed == fence:
			fence = ""
		case fence == "":
		case lang == "console" && strings.HasPrefix(line, "$ "):
			c := block
			c.Line, c.Text = n, line[2:]
			commands = append(commands, c)
		case lang == "console":
			if len(commands) == first {
				return nil, fmt.Errorf("%s:%d: a console block begins with output; a command begins with %q", file, n, "$ ")
			}
			commands[len(commands)-1].Want += line + "\n"
		case lang == "sh" && trimmed != "" && !strings.HasPrefix(trimmed, "#"):
			c := block
			c.Line, c.Text = n, trimmed
			commands = append(commands, c)
		}
	}
	if fence != "" {
		return nil, fmt.Errorf("%s: the last fenced block is not closed", file)
	}
	return commands, nil
}

// parseInfo reads the info string of a fenced block.
func parseInfo(info string) (lang string, block command, err error) {
	words := strings.Fields(info)
	if len(words) == 0 {
		return "", command{}, nil
	}
	lang = words[0]
	if lang != "console" && lang != "sh" {
		return lang, command{}, nil
	}
	for _, w := range words[1:] {
		status, isExit := strings.CutPrefix(w, "exit=")
		switch {
		case isExit:
			if block.Status, err = strconv.Atoi(status); err != nil {
				return "", command{}, fmt.Errorf("exit status %q: %w", status, err)
			}
		case w == "varies":
			block.Varies = true
		case w == "slow":
			block.Slow = true
		default:
			return "", command{}, fmt.Errorf("block is marked %q; known are exit=N, varies and slow", w)
		}
	}
	return lang, block, nil
}

package litmus

import (
	"fmt"
	"strconv"
	"strings"
)

// String prints the test in the format that [Parse] reads. Comments are lost;
// parsing what is printed gives the same test.
func (t *Test) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "test %s\n", t.Name)
	if t.Doc != "" {
		fmt.Fprintf(&b, "doc  %s\n", t.Doc)
	}
	if len(t.Vars) > 0 {
		words := make([]string, len(t.Vars))
		for i, v := range t.Vars {
			words[i] = fmt.Sprintf("%s = %d", v.Name, v.Init)
		}
		fmt.Fprintf(&b, "var  %s\n", strings.Join(words, ", "))
	}
	if len(t.Mutexes) > 0 {
		fmt.Fprintf(&b, "mutex %s\n", strings.Join(t.Mutexes, ", "))
	}
	for _, th := range t.Threads {
		b.WriteString("\nthread {\n")
		printBody(&b, th.Body, "\t")
		b.WriteString("}\n")
	}
	fmt.Fprintf(&b, "\nexists %s\n", t.Exists)
	return b.String()
}

func printBody(b *strings.Builder, body []Stmt, indent string) {
	for i := range body {
		s := &body[i]
		fmt.Fprintf(b, "%s%s\n", indent, s)
		if s.Op == OpIf {
			printBody(b, s.Body, indent+"\t")
			fmt.Fprintf(b, "%s}\n", indent)
		}
	}
}

// String prints the statement as it is written; of an if, the line that
// opens it.
func (s *Stmt) String() string {
	call := ""
	switch s.Op {
	case OpStore:
		return fmt.Sprintf("%s = %s", s.Name, s.Value)
	case OpLoad:
		return fmt.Sprintf("%s = %s", s.Reg, s.Name)
	case OpSet:
		return fmt.Sprintf("%s = %s", s.Reg, s.Value)
	case OpIf:
		return fmt.Sprintf("if %s {", s.Cond)
	case OpLock:
		return "lock " + s.Name
	case OpUnlock:
		return "unlock " + s.Name
	case OpAtomicLoad:
		call = fmt.Sprintf("atomic.Load(%s)", s.Name)
	case OpCAS:
		call = fmt.Sprintf("atomic.CAS(%s, %s, %s)", s.Name, s.Old, s.Value)
	default:
		call = fmt.Sprintf("atomic.%s(%s, %s)", atomicNames[s.Op], s.Name, s.Value)
	}
	if s.Reg != "" {
		return s.Reg + " = " + call
	}
	return call
}

func (o Operand) String() string {
	if o.Name != "" {
		return o.Name
	}
	return strconv.Itoa(int(o.Number))
}

func (e Expr) String() string {
	if e.Op == 0 {
		return e.A.String()
	}
	return fmt.Sprintf("%s %c %s", e.A, e.Op, e.B)
}

// String prints the condition in Go's syntax.
func (c Cond) String() string {
	if c.Args == nil {
		return fmt.Sprintf("%s %s %s", c.A, c.Op, c.B)
	}
	words := make([]string, len(c.Args))
	for i, a := range c.Args {
		words[i] = a.String()
		if a.Args != nil {
			words[i] = "(" + words[i] + ")"
		}
	}
	return strings.Join(words, " "+c.Op+" ")
}

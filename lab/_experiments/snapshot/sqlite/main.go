// Sqlite asks the same question of a real database: two connections to one
// SQLite file, each a process of the sqlite3 command line tool. T1 counts the
// adults twice; in between T2 inserts one.
//
//	go run . autocommit|snapshot|late|locked|stale
//
//	autocommit  no BEGIN: each SELECT is a transaction of its own
//	snapshot    BEGIN, write-ahead log
//	late        BEGIN, write-ahead log, T2 inserts before T1's first SELECT
//	locked      BEGIN, rollback journal, the mode of a new database
//	stale       BEGIN, write-ahead log, and T1 writes too, on its old snapshot
//
// Nothing waits for a clock: a connection is asked for a sentinel row after
// each statement, and what it printed up to there is the answer.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	count  = "SELECT count(*) FROM users WHERE age > 18;"
	insert = "INSERT INTO users VALUES ('Dora', 25);"
)

func main() {
	scenarios := map[string]func(t1, t2 *connection){
		"autocommit": autocommit, "snapshot": snapshot, "late": late, "locked": locked, "stale": stale,
	}
	if len(os.Args) != 2 || scenarios[os.Args[1]] == nil {
		fail("usage: sqlite autocommit|snapshot|late|locked|stale")
	}
	// A process that hangs must not hold up the lab.
	time.AfterFunc(10*time.Second, func() { fail("sqlite3 does not answer") })

	dir, err := os.MkdirTemp("", "lab-sqlite-")
	check(err)
	defer os.RemoveAll(dir)
	var d drawing
	file := filepath.Join(dir, "users.db")
	t1, t2 := connect(file, lane1, &d), connect(file, lane2, &d)
	fmt.Println("sqlite", t1.quietly("SELECT sqlite_version();"))
	mode := "wal"
	if os.Args[1] == "locked" {
		mode = "delete"
	}
	if got := t1.quietly("PRAGMA journal_mode=" + mode + ";"); got != mode {
		fail("journal mode %q, want %q", got, mode)
	}
	for _, c := range []*connection{t1, t2} {
		c.quietly("PRAGMA synchronous=OFF;") // nothing here needs to survive a power cut
	}
	t1.quietly("CREATE TABLE users (name TEXT, age INTEGER);")
	t1.quietly("INSERT INTO users VALUES ('Ann', 30), ('Ben', 30), ('Cid', 30);")

	scenarios[os.Args[1]](t1, t2)
	t1.close()
	t2.close()
	d.print("SQLite, " + os.Args[1])
}

func autocommit(t1, t2 *connection) {
	number("first", t1.do(count))
	outcome("insert", t2.do(insert))
	number("second", t1.do(count))
	t1.drawing.mark("ghost")
}

func snapshot(t1, t2 *connection) {
	t1.do("BEGIN;")
	number("first", t1.do(count))
	outcome("insert", t2.do(insert))
	number("second", t1.do(count))
	t1.do("COMMIT;")
	number("after", t1.do(count))
}

func late(t1, t2 *connection) {
	t1.do("BEGIN;") // takes no snapshot yet
	outcome("insert", t2.do(insert))
	number("first", t1.do(count))
	t1.do("COMMIT;")
}

func locked(t1, t2 *connection) {
	t1.do("BEGIN;")
	number("first", t1.do(count))
	outcome("insert", t2.do(insert))
	number("second", t1.do(count))
	t1.do("COMMIT;")
	outcome("retry", t2.do(insert))
	number("after", t1.do(count))
}

func stale(t1, t2 *connection) {
	t1.do("BEGIN;")
	number("first", t1.do(count))
	outcome("insert", t2.do(insert))
	outcome("write", t1.do("INSERT INTO users VALUES ('Eve', 25);"))
	outcome("again", t1.do("INSERT INTO users VALUES ('Eve', 25);"))
	t1.do("ROLLBACK;")
	outcome("retry", t1.do("INSERT INTO users VALUES ('Eve', 25);"))
	number("after", t1.do(count))
}

func number(fact, answer string) {
	n, err := strconv.Atoi(answer)
	if err != nil {
		fail("%s: the answer is %q, want a number", fact, answer)
	}
	fmt.Printf("%s = %d\n", fact, n)
}

// outcome prints how a write ended: done, or with which error. The number is
// SQLite's result code: 5 is SQLITE_BUSY, 517 is SQLITE_BUSY_SNAPSHOT, which
// older versions of the tool report as 5 too.
func outcome(fact, answer string) {
	switch {
	case answer == "":
		answer = "done"
	case strings.Contains(answer, "database is locked"):
		answer = "database is locked" + answer[strings.Index(answer, "locked")+len("locked"):]
	default:
		fail("%s: %s", fact, answer)
	}
	fmt.Printf("%s = %s\n", fact, answer)
}

// connection is a running sqlite3.
type connection struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	asked   int
	lane    int
	drawing *drawing
}

func connect(file string, lane int, d *drawing) *connection {
	cmd := exec.Command("sqlite3", "-batch", "-init", os.DevNull, file)
	in, err := cmd.StdinPipe()
	check(err)
	// Answers and errors through one pipe, so that their order is kept.
	r, w, err := os.Pipe()
	check(err)
	cmd.Stdout, cmd.Stderr = w, w
	check(cmd.Start())
	w.Close()
	return &connection{cmd: cmd, in: in, out: bufio.NewScanner(r), lane: lane, drawing: d}
}

// quietly executes a statement and returns what it printed.
func (c *connection) quietly(statement string) string {
	c.asked++
	sentinel := fmt.Sprintf("answered %d", c.asked)
	_, err := fmt.Fprintf(c.in, "%s\nSELECT '%s';\n", statement, sentinel)
	check(err)
	var lines []string
	for c.out.Scan() {
		if c.out.Text() == sentinel {
			return strings.Join(lines, " ")
		}
		lines = append(lines, c.out.Text())
	}
	fail("sqlite3 ended: %s", strings.Join(lines, " "))
	return ""
}

// do executes a statement of the scenario: it is printed and drawn.
func (c *connection) do(statement string) string {
	answer := c.quietly(statement)
	fmt.Printf("  T%d  %s  %s\n", c.lane, statement, answer)
	c.drawing.add(c.lane, statement, answer)
	return answer
}

func (c *connection) close() {
	c.in.Close()
	c.cmd.Wait() // its status is 1 if any statement was refused
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

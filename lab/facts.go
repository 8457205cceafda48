package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Facts are named values: what a step printed, or was seen to do. A value is
// an int, a float64, a bool, a string, or what JSON gives for a list or an
// object.
type Facts map[string]any

var (
	factLine    = regexp.MustCompile(`^([a-z][a-z0-9_]*) = (.+)$`)
	picturePart = "picture: "
)

// readOutput splits what a program printed into facts, pictures and the rest.
// A picture that is no JSON is left in the text, where a reader sees it.
func readOutput(out []byte) (facts Facts, pictures []json.RawMessage, text string) {
	facts = Facts{}
	var rest strings.Builder
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, maxOutput+1)
	for lines.Scan() {
		line := lines.Text()
		if p, ok := strings.CutPrefix(line, picturePart); ok && json.Valid([]byte(p)) {
			pictures = append(pictures, json.RawMessage(p))
			continue
		}
		if m := factLine.FindStringSubmatch(line); m != nil {
			if value := strings.TrimSpace(m[2]); value != "" {
				facts[m[1]] = factValue(value)
			}
		}
		rest.WriteString(line)
		rest.WriteByte('\n')
	}
	return facts, pictures, rest.String()
}

func factValue(s string) any {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return f
	}
	if s == "true" || s == "false" {
		return s == "true"
	}
	if s[0] == '[' || s[0] == '{' {
		var v any
		if json.Unmarshal([]byte(s), &v) == nil {
			return v
		}
	}
	return strings.Trim(s, `"`)
}

// merge adds the facts of one more child: numbers are summed, and the least
// and the greatest are kept beside the sum; of anything else the last counts.
func (f Facts) merge(child Facts) {
	for name, v := range child {
		n, ok := number(v)
		if !ok {
			f[name] = v
			continue
		}
		sum, _ := number(f[name])
		f[name] = tidy(sum + n)
		if least, ok := number(f[name+"_min"]); !ok || n < least {
			f[name+"_min"] = tidy(n)
		}
		if most, ok := number(f[name+"_max"]); !ok || n > most {
			f[name+"_max"] = tidy(n)
		}
	}
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// tidy keeps whole numbers whole.
func tidy(f float64) any {
	if f == float64(int(f)) {
		return int(f)
	}
	return f
}

// String writes the facts as a program prints them, sorted by name.
func (f Facts) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f)) {
		fmt.Fprintf(&b, "%s = %s\n", name, FormatFact(f[name]))
	}
	return b.String()
}

// FormatFact writes a value as a program prints it.
func FormatFact(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		if math.Abs(v) < 1e18 {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
	case []any, map[string]any, []string:
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(data)
	}
	return fmt.Sprint(v)
}

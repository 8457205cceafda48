package cost

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
)

// rounds is how many operations of each kind count.
const rounds = 32

// Document counts everything and returns the tables for doc/freshmap.md.
func Document(ctx context.Context, progress io.Writer) (string, error) {
	var b strings.Builder
	for _, key := range []string{"int", "string"} {
		jobs := []Job{
			{Key: key, Size: 1_000, Rounds: rounds},
			{Key: key, Size: 1_000_000, Rounds: rounds},
			{Key: key, Size: 1_000, Rounds: 500, Double: true},
		}
		fmt.Fprintf(&b, "**%s keys**\n\n", key)
		b.WriteString("| | map | instructions | branches | loads | stores | locked | lines | written | in a row | bytes |\n")
		b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|\n")
		for _, j := range jobs {
			found := map[string]map[string]Counts{}
			for _, peer := range Peers {
				j.Peer = peer
				fmt.Fprintln(progress, j)
				c, err := Count(ctx, j)
				if err != nil {
					return "", err
				}
				found[peer] = c
			}
			for _, name := range j.operations() {
				for _, peer := range Peers {
					b.WriteString(row(j.Size, name, peer, found[peer][name]))
				}
			}
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}

func row(size int, name, peer string, c Counts) string {
	at := map[int]string{1_000: "1k", 1_000_000: "1M"}[size]
	cells := []string{at + " " + name, peer}
	for _, v := range []float64{c.Instructions, c.Branches, c.Loads, c.Stores} {
		cells = append(cells, fmt.Sprint(math.Round(v)))
	}
	for _, v := range []float64{c.Locked, c.Lines, c.Written, c.Chain} {
		cells = append(cells, strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0"))
	}
	return "| " + strings.Join(append(cells, fmt.Sprint(math.Round(c.Bytes))), " | ") + " |\n"
}

package inspect

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// contents returns the entries of a snapshot in words, by brute force.
func contents(s *Snapshot) map[string]string {
	out := map[string]string{}
	for _, p := range s.Parts {
		for _, g := range p.Groups {
			for i := range g.Slots {
				if slot := &g.Slots[i]; slot.State == Full {
					out[slot.Text.Key] = slot.Text.Elem
				}
			}
		}
	}
	return out
}

// TestCompare takes snapshots of a map that changes all the time, through a file,
// and compares what Compare says with their contents.
func TestCompare(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			target := run(t, build(t, release, nil), "write")
			take := func() *Snapshot {
				for range 1000 {
					s, err := target.Record("main.window", 0, Look{})
					if err != nil {
						t.Fatal(err)
					}
					if s.Consistent {
						return s
					}
				}
				t.Fatal("the map is never read of one moment")
				return nil
			}
			first := take()
			time.Sleep(5 * time.Millisecond)
			second := take()
			var file bytes.Buffer
			if n, err := first.WriteTo(&file); err != nil || n != int64(file.Len()) {
				t.Fatalf("wrote %d bytes of %d, %v", n, file.Len(), err)
			}
			before, err := ReadSnapshot(&file)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := contents(before), contents(first); !maps.Equal(got, want) || before.Entries != first.Entries || before.Owner != first.Owner {
				t.Fatalf("the file has %d entries, %d were written", len(got), len(want))
			}
			d, err := before.Compare(second)
			if err != nil {
				t.Fatal(err)
			}
			was, now := contents(first), contents(second)
			var got, want []string
			for _, c := range d.Changes {
				if c.Kind == Added || c.Kind == Removed || c.Kind == Changed {
					got = append(got, c.Kind+c.Key)
				}
			}
			stayed := 0
			for key, elem := range was {
				switch other, ok := now[key]; {
				case !ok:
					want = append(want, Removed+key)
				case other != elem:
					want = append(want, Changed+key)
				default:
					stayed++
				}
			}
			for key := range now {
				if _, ok := was[key]; !ok {
					want = append(want, Added+key)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) || stayed < d.Same || stayed > d.Same+d.Count[Moved] {
				t.Errorf("got %d changes and %d entries as they were, want %d changes and %d entries", len(got), d.Same, len(want), stayed)
			}
			if d, err := second.Compare(second); err != nil || len(d.Changes) != 0 || d.Same != len(now) {
				t.Errorf("compared with itself: got %+v, %v", d, err)
			}
		})
	}
}

// TestRecordHides looks into the file of a map of strings.
func TestRecordHides(t *testing.T) {
	target := run(t, build(t, "", nil))
	for _, clear := range []bool{false, true} {
		s, err := target.Record("main.hold.inner", 0, Look{Values: clear})
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if _, err := s.WriteTo(&file); err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(&file)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := text.ReadFrom(z); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(text.String(), `"Elem":"\"b\""`); got != clear {
			t.Errorf("in clear: got %t, want %t", got, clear)
		}
		again, err := target.Record("main.hold.inner", 0, Look{})
		if err != nil {
			t.Fatal(err)
		}
		if d, err := s.Compare(again); err != nil || len(d.Changes) > 0 || d.Same != 2 {
			t.Errorf("the same content: got %+v, %v", d, err)
		}
		again.Process = "another"
		if _, err := s.Compare(again); err == nil || !strings.Contains(err.Error(), "different processes") {
			t.Errorf("snapshots of two processes: got %v", err)
		}
	}
}

// planned makes a snapshot of a small map from key to element, 0 for an empty
// slot; a negative key is one that is left.
func planned(addr uint64, pairs ...[2]int) *Snapshot {
	s := &Snapshot{Type: "map[int]int", Process: "p", Consistent: true, Addr: 1}
	p := Part{Name: "table 0"}
	for i, pair := range pairs {
		if i%groupSlots == 0 {
			p.Groups = append(p.Groups, SlotGroup{Addr: addr + uint64(i)*16})
		}
		slot := &p.Groups[i/groupSlots].Slots[i%groupSlots]
		switch {
		case pair[0] > 0:
			*slot = Slot{State: Full, KeyID: uint64(pair[0]), ElemID: uint64(pair[1]), Text: &Entry{fmt.Sprint(pair[0]), fmt.Sprint(pair[1])}}
		case pair[0] < 0:
			*slot = Slot{State: Deleted, KeyLeft: true, KeyID: uint64(-pair[0]), Text: &Entry{Key: fmt.Sprint(-pair[0])}}
		}
	}
	s.Parts = []Part{p}
	return s
}

func TestCompareSlots(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after *Snapshot
		want          []string
	}{
		{"removed, and left", planned(1000, [2]int{1, 5}, [2]int{2, 6}), planned(1000, [2]int{-1, 0}, [2]int{2, 6}), []string{"removed 1 left"}},
		{"removed, and gone", planned(1000, [2]int{1, 5}, [2]int{2, 6}), planned(1000, [2]int{0, 0}, [2]int{2, 6}), []string{"removed 1"}},
		{"changed and moved", planned(1000, [2]int{1, 5}), planned(1000, [2]int{0, 0}, [2]int{1, 6}), []string{"changed 1", "moved 1"}},
		{"moved by growth", planned(1000, [2]int{1, 5}), planned(2000, [2]int{1, 5}), []string{"moved 1 growth"}},
		{"left before too", planned(1000, [2]int{-1, 0}), planned(1000, [2]int{-1, 0}, [2]int{2, 1}), []string{"added 2"}},
		{"came and went", planned(1000, [2]int{0, 0}), planned(1000, [2]int{-1, 0}), []string{"left 1"}},
		{"keys that differ from themselves", planned(1000, [2]int{7, 1}, [2]int{7, 1}), planned(1000, [2]int{7, 1}, [2]int{7, 1}, [2]int{7, 2}), []string{"added 7"}},
	} {
		d, err := tt.before.Compare(tt.after)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range d.Changes {
			text := c.Kind + " " + c.Key
			if c.Left {
				text += " left"
			}
			if c.Growth {
				text += " growth"
			}
			got = append(got, text)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// FuzzReadSnapshot reads files of any content: a snapshot that can be compared
// and written again, or an error.
func FuzzReadSnapshot(f *testing.F) {
	unzip := func(s *Snapshot) []byte {
		var file, text bytes.Buffer
		s.WriteTo(&file)
		z, _ := gzip.NewReader(&file)
		text.ReadFrom(z)
		return text.Bytes()
	}
	f.Add(unzip(planned(1000, [2]int{1, 5}, [2]int{-2, 6})))
	f.Add([]byte(`{"ghostread":"snapshot","format":1,"Parts":[1]}` + "\n"))
	f.Add([]byte(`{"ghostread":"snapshot","format":1}` + "\n" + `{"Part":"old overflow buckets"}` + "\n" + `{"Bucket":-9,"Control":"0000000000000000","States":"fedvFEDV"}`))
	f.Add([]byte(`{"ghostread":"snapshot","format":1}` + "\n" + `{"Control":"","States":"e"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var file bytes.Buffer
		z := gzip.NewWriter(&file)
		z.Write(text)
		z.Close()
		s, err := ReadSnapshot(&file)
		if err != nil {
			return
		}
		s.Compare(planned(1000, [2]int{1, 5}))
		if s.Process == "" {
			s.Process = "p"
		}
		if d, err := s.Compare(s); err != nil || d.Count[Added]+d.Count[Removed] > 0 {
			t.Fatalf("compared with itself: %+v, %v", d, err)
		}
		var again bytes.Buffer
		if _, err := s.WriteTo(&again); err != nil {
			t.Skip(err) // a time that JSON does not have
		}
		second, err := ReadSnapshot(&again)
		if err != nil {
			t.Fatalf("written again: %v", err)
		}
		if got, want := unzip(second), unzip(s); !reflect.DeepEqual(got, want) {
			t.Fatalf("written again:\n%s\nwas\n%s", got, want)
		}
	})
}

// TestReadSnapshotErrors refuses what is no snapshot.
func TestReadSnapshotErrors(t *testing.T) {
	if _, err := ReadSnapshot(strings.NewReader("text")); err == nil || !strings.Contains(err.Error(), "no snapshot of ghostread inspect") {
		t.Errorf("no gzip: got %v", err)
	}
	var file bytes.Buffer
	z := gzip.NewWriter(&file)
	z.Write([]byte(`{"ghostread":"snapshot","format":9}` + "\n"))
	z.Close()
	whole := file.Bytes()
	if _, err := ReadSnapshot(bytes.NewReader(whole)); err == nil || !strings.Contains(err.Error(), "line 1 of the snapshot: format 9, this ghostread reads 1") {
		t.Errorf("a later format: got %v", err)
	}
	file.Reset()
	if _, err := planned(1000, [2]int{1, 5}).WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	for n := range file.Len() {
		if _, err := ReadSnapshot(bytes.NewReader(file.Bytes()[:n])); err == nil {
			t.Errorf("the first %d of %d bytes are read as a whole", n, file.Len())
		}
	}
}

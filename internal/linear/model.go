package linear

import (
	"fmt"
	"strings"
)

// PointKinds is how many kinds of operations concern one key; they come first.
const PointKinds = CompareAndDelete + 1

// A Kind says which operation of a map an [Action] is.
type Kind uint8

// The operations.
const (
	Load Kind = iota
	Store
	LoadOrStore
	LoadOrCompute
	LoadAndStore
	LoadAndDelete
	Delete
	ComputeKeep
	ComputeSet
	ComputeRemove
	CompareAndSwap
	CompareAndDelete

	Clear
	Len // Got is the number of keys
	All // every key at one moment, as a snapshot shows them
)

var kindNames = [...]string{
	Load: "Load", Store: "Store", LoadOrStore: "LoadOrStore", LoadOrCompute: "LoadOrCompute",
	LoadAndStore: "LoadAndStore", LoadAndDelete: "LoadAndDelete", Delete: "Delete",
	ComputeKeep: "Compute(Keep)", ComputeSet: "Compute(Set)", ComputeRemove: "Compute(Remove)",
	CompareAndSwap: "CompareAndSwap", CompareAndDelete: "CompareAndDelete",
	Clear: "Clear", Len: "Len", All: "All",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", k)
}

// Width is how many keys a [Whole] map has.
const Width = 4

// Keys are the values of a map of a few keys; 0 is an absent one.
type Keys [Width]int64

// An Action is an operation of a map with what it was asked and what it
// answered. Values are numbers above 0; 0 stands for no value.
type Action struct {
	Kind   Kind
	Key    int
	Arg    int64 // the value to be stored
	Old    int64 // the value to compare with, or the one that a callback of Compute was shown
	Got    int64
	OK     bool // loaded, swapped, deleted, present afterwards: the second result, or the only one
	Called int  // how often the callback was called
	Keys   Keys // what All saw
}

func (a Action) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v", a.Kind)
	switch a.Kind {
	case Clear:
		return "Clear()"
	case Len:
		return fmt.Sprintf("Len() = %d", a.Got)
	case All:
		return fmt.Sprintf("All() = %d", a.Keys)
	case Load, LoadAndDelete, Delete:
		fmt.Fprintf(&b, "(k%d)", a.Key)
	case CompareAndSwap:
		fmt.Fprintf(&b, "(k%d, %d, %d)", a.Key, a.Old, a.Arg)
	case CompareAndDelete:
		fmt.Fprintf(&b, "(k%d, %d)", a.Key, a.Old)
	case ComputeKeep, ComputeRemove:
		fmt.Fprintf(&b, "(k%d), callback called %d times, shown %d", a.Key, a.Called, a.Old)
	case ComputeSet:
		fmt.Fprintf(&b, "(k%d, %d), callback called %d times, shown %d", a.Key, a.Arg, a.Called, a.Old)
	case LoadOrCompute:
		fmt.Fprintf(&b, "(k%d, %d), callback called %d times", a.Key, a.Arg, a.Called)
	default:
		fmt.Fprintf(&b, "(k%d, %d)", a.Key, a.Arg)
	}
	switch a.Kind {
	case Store, Delete:
	case CompareAndSwap, CompareAndDelete:
		fmt.Fprintf(&b, " = %t", a.OK)
	default:
		fmt.Fprintf(&b, " = %d, %t", a.Got, a.OK)
	}
	return b.String()
}

// Register is the model of one key: its state is the key's value, 0 if the key
// is absent. It takes no notice of an action's key.
func Register(s int64, a Action) (int64, bool) {
	present := s != 0
	switch a.Kind {
	case Load:
		return s, a.OK == present && a.Got == s
	case Store:
		return a.Arg, true
	case LoadOrStore, LoadOrCompute:
		if a.Kind == LoadOrCompute && a.Called != b2i(!present) {
			return s, false
		}
		if present {
			return s, a.OK && a.Got == s
		}
		return a.Arg, !a.OK && a.Got == a.Arg
	case LoadAndStore:
		return a.Arg, a.OK == present && a.Got == s
	case LoadAndDelete:
		return 0, a.OK == present && a.Got == s
	case Delete, Clear:
		return 0, true
	case ComputeKeep:
		return s, a.Called == 1 && a.Old == s && a.Got == s && a.OK == present
	case ComputeSet:
		return a.Arg, a.Called == 1 && a.Old == s && a.Got == a.Arg && a.OK
	case ComputeRemove:
		return 0, a.Called == 1 && a.Old == s && a.Got == 0 && !a.OK
	case CompareAndSwap:
		swap := present && s == a.Old
		if swap {
			s = a.Arg
		}
		return s, a.OK == swap
	case CompareAndDelete:
		remove := present && s == a.Old
		if remove {
			s = 0
		}
		return s, a.OK == remove
	case Len:
		return s, a.Got == int64(b2i(present))
	}
	panic(fmt.Sprintf("linear: Register does not know %v", a.Kind))
}

// Whole is the model of a map that has at most [Width] keys, with the
// operations that concern all of them.
func Whole(s Keys, a Action) (Keys, bool) {
	switch a.Kind {
	case Clear:
		return Keys{}, true
	case All:
		return s, a.Keys == s
	case Len:
		var n int64
		for _, v := range s {
			n += int64(b2i(v != 0))
		}
		return s, a.Got == n
	}
	v, ok := Register(s[a.Key], a)
	s[a.Key] = v
	return s, ok
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

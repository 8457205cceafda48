//go:build !linux

package main

import "runtime"

func cpus() []int  { return nil } // threads stay where the system puts them
func pinTo(...int) {}
func hurry()       {}
func yield()       { runtime.Gosched() }

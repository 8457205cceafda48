//go:build go1.21

package main

const hasBuiltinClear = true

func clearBuiltin[K comparable, V any](m map[K]V) { clear(m) }

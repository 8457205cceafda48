//go:build !go1.21

package main

const hasBuiltinClear = false

func clearBuiltin[K comparable, V any](m map[K]V) {}

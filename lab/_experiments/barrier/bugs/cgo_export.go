package main

import "C"

import "unsafe"

//export newNode
func newNode() unsafe.Pointer { return unsafe.Pointer(&node{p: birth()}) }

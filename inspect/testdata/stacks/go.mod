module stacks

go 1.20

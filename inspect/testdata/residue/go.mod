module residue

go 1.21

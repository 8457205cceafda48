module planted

go 1.20

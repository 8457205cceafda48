module github.com/ghostread/ghostread

go 1.26

module github.com/ghostread/ghostread/freshmap/bench

go 1.26.0

replace github.com/ghostread/ghostread => ../..

require (
	github.com/alphadose/haxmap v1.4.0
	github.com/ghostread/ghostread v0.0.0-00010101000000-000000000000
	github.com/google/go-cmp v0.7.0
	github.com/orcaman/concurrent-map/v2 v2.0.1
	github.com/puzpuzpuz/xsync/v4 v4.5.0
	golang.org/x/arch v0.32.0
)

require (
	github.com/aclements/go-moremath v0.0.0-20210112150236-f10218a38794 // indirect
	golang.org/x/exp v0.0.0-20260824195058-e88cd73687aa // indirect
	golang.org/x/perf v0.0.0-20260908200009-22c9c6c9d4da // indirect
)

tool golang.org/x/perf/cmd/benchstat

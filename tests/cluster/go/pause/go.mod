module modelserving.kserve/tests/cluster/go/pause

go 1.24

//go:build tools

// Package tools names the programs that tests/cluster builds from this module's pinned versions.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
)

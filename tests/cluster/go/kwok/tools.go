//go:build tools

// Package tools names the programs that tests/cluster builds from this module's pinned versions.
package tools

import (
	_ "sigs.k8s.io/kwok/cmd/kwok"
)

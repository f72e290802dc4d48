//go:build tools

// Package tools names the programs that tests/cluster builds from this module's pinned versions.
package tools

import (
	_ "github.com/kserve/kserve/cmd/manager"
)

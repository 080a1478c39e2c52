// etcd as it is, from its own module: built here so that its fault points can be switched (scripts/etcd36.mjs).
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "go.etcd.io/gofail/runtime"
)

func main() {
	etcdmain.Main(os.Args)
}

// A vCenter for tests, on loopback: govmomi's simulator, and what it lacks for provisioning datastores: disks that an
// iSCSI target of tgtd shows to a host, VMFS, strict first-class disks, and answers that get lost.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/vmware/govmomi/simulator"

	_ "github.com/vmware/govmomi/pbm/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
)

// What the test reads from the first line of standard output.
type ready struct {
	Origin   string   `json:"origin"`
	User     string   `json:"user"`
	Password string   `json:"password"`
	Sha256   string   `json:"sha256"`
	Hosts    []string `json:"hosts"`
}

func main() {
	hosts := flag.Int("hosts", 3, "hosts of the cluster")
	control := flag.Int("tgtd-control-port", -1, "control port of the tgtd whose targets the hosts see; -1 for none")
	socket := flag.String("tgtd-socket", "", "management socket of that tgtd, if it is not the usual one")
	flag.BoolVar(&simulator.Trace, "trace", false, "write all SOAP to standard error")
	flag.Parse()

	model := simulator.VPX()
	model.ClusterHost, model.Host, model.Datastore = *hosts, 0, 1
	if err := model.Create(); err != nil {
		log.Fatal(err)
	}
	defer model.Remove()

	service := model.Service
	service.TLS = new(tls.Config)
	service.RegisterEndpoints = true
	service.Listen = &url.URL{User: url.UserPassword("operator", "pass word<&>"), Host: "127.0.0.1:0"}
	array := &array{controlPort: *control, socket: *socket}
	iqns := extend(model, array)
	server := service.NewServer()
	server.Config.Handler = &lossy{next: server.Config.Handler, rules: losses}

	sum := sha256.Sum256(server.Certificate().Raw)
	_ = json.NewEncoder(os.Stdout).Encode(ready{
		Origin: fmt.Sprintf("https://%s", server.URL.Host), User: "operator", Password: "pass word<&>",
		Sha256: hex.EncodeToString(sum[:]), Hosts: iqns,
	})

	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
	server.Close()
}

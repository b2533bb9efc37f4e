// Reads one manifest of the Prometheus operator from standard input into the operator's own Go type, and ends with 1 on a
// field that is not there. Run by manifests.lab.ts: there is no JSON schema of these kinds in any package.
package main

import (
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = yaml.UnmarshalStrict(text, &monitoring.ServiceMonitor{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

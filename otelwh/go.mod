module github.com/hookonce/hookonce/otelwh

go 1.25.0

require (
	github.com/hookonce/hookonce v0.1.0
	go.opentelemetry.io/otel v1.22.0
	go.opentelemetry.io/otel/metric v1.22.0
	go.opentelemetry.io/otel/sdk v1.22.0
	go.opentelemetry.io/otel/sdk/metric v1.22.0
	go.opentelemetry.io/otel/trace v1.22.0
)

require (
	github.com/go-logr/logr v1.4.2 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	golang.org/x/sys v0.33.0 // indirect
)

replace github.com/hookonce/hookonce => ../

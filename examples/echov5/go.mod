module github.com/hookonce/hookonce/examples/echov5

go 1.25.0

require (
	github.com/hookonce/hookonce v0.1.0
	github.com/hookonce/hookonce/echov5wh v0.1.0
	github.com/labstack/echo/v5 v5.3.1
)

replace github.com/hookonce/hookonce => ../../

replace github.com/hookonce/hookonce/echov5wh => ../../echov5wh

module github.com/hookonce/hookonce/echov5wh

go 1.25.0

require (
	github.com/hookonce/hookonce v0.1.0
	github.com/labstack/echo/v5 v5.3.1
)

require golang.org/x/time v0.15.0 // indirect

replace github.com/hookonce/hookonce => ../

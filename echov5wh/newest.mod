module github.com/hookonce/hookonce/echov5wh

go 1.26.0

require (
	github.com/hookonce/hookonce v0.1.0
	github.com/labstack/echo/v5 v5.4.5
)

require golang.org/x/time v0.16.0 // indirect

replace github.com/hookonce/hookonce => ../

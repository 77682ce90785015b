module github.com/hookonce/hookonce

go 1.25.0

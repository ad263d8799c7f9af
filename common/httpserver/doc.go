// Package httpserver is the HTTP side that every service shares: a gin engine with our middleware, the operational endpoints, and a
// server that drains before it stops.
//
// A request passes, from the outside in:
//
//	metrics   counts it under the pattern of its route, never under its raw path
//	CORS      answers any OPTIONS request, puts its headers on everything else, errors included
//	recovery  turns a panic into a 500
//	trace     tells a tracer when it begins and ends; not for the operational endpoints
//	handlers  the service's own; an unknown path is 404 and a wrong method 405 with Allow, both with an empty body
//
// Paths are matched as they are: a service registers each with and without its trailing slash through [Both], and nothing redirects.
//
// An answer whose length is known leaves with its header in one system call through [WriteWhole].
//
// Handlers decode, call a method that knows no gin, and encode: gin's types stay in this package and in the handlers.
package httpserver

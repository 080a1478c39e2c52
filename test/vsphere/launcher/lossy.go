package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
)

// lossRules says of how many calls of a method the answer is lost after the call has been made.
type lossRules struct {
	sync.Mutex
	left map[string]int
}

var losses = &lossRules{left: map[string]int{}}

// serve takes {"method": "CreateVmfsDatastore", "count": 1}; DELETE forgets all.
func (l *lossRules) serve(w http.ResponseWriter, r *http.Request) {
	l.Lock()
	defer l.Unlock()
	if r.Method == http.MethodDelete {
		l.left = map[string]int{}
		return
	}
	var rule struct {
		Method string `json:"method"`
		Count  int    `json:"count"`
	}
	if err := json.NewDecoder(r.Body).Decode(&rule); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.left[rule.Method] += rule.Count
}

func (l *lossRules) take(method string) bool {
	l.Lock()
	defer l.Unlock()
	if l.left[method] == 0 {
		return false
	}
	l.left[method]--
	return true
}

// lossy makes calls, and then cuts the connection where a rule says so.
type lossy struct {
	next  http.Handler
	rules *lossRules
}

var methodName = regexp.MustCompile(`Body>\s*<([A-Za-z_]+)`)

func (l *lossy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/sdk" {
		l.next.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	name := ""
	if found := methodName.FindSubmatch(body); found != nil {
		name = string(found[1])
	}
	if !l.rules.take(name) {
		l.next.ServeHTTP(w, r)
		return
	}
	l.next.ServeHTTP(httptest.NewRecorder(), r)
	if connection, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = connection.Close()
	}
}

// callCounts is how often each method was called, by which a test sees that nothing was made twice.
type callCounts struct {
	sync.Mutex
	of map[string]int
}

var calls = &callCounts{of: map[string]int{}}

func (c *callCounts) note(method string) {
	c.Lock()
	defer c.Unlock()
	c.of[method]++
}

func (c *callCounts) serve(w http.ResponseWriter, _ *http.Request) {
	c.Lock()
	defer c.Unlock()
	_ = json.NewEncoder(w).Encode(c.of)
}

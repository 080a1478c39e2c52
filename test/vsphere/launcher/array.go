package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// The array behind the hosts' adapters: the targets of a real tgtd, asked with tgtadm at each rescan.
type array struct {
	controlPort int
	socket      string
}

// A disk as an initiator would see it.
type unit struct {
	naa   string
	bytes int64
}

var (
	targetLine = regexp.MustCompile(`(?m)^Target \d+: (\S+)$`)
	lunLine    = regexp.MustCompile(`(?m)^\s+LUN: (\d+)$`)
	scsiID     = regexp.MustCompile(`(?m)^\s+SCSI ID: (.*)$`)
	backing    = regexp.MustCompile(`(?m)^\s+Backing store path: (.*)$`)
)

// unitsOf gives what tgtd binds to that initiator by name. No tgtd, or one that does not answer: nothing can be seen.
func (a *array) unitsOf(iqn string) ([]unit, error) {
	if a.controlPort < 0 {
		return nil, nil
	}
	command := exec.Command("tgtadm", "--lld", "iscsi", "--control-port", fmt.Sprint(a.controlPort), "--op", "show", "--mode", "target")
	command.Env = os.Environ()
	if a.socket != "" {
		command.Env = append(command.Env, "TGT_IPC_SOCKET="+a.socket)
	}
	var out, problem bytes.Buffer
	command.Stdout, command.Stderr = &out, &problem
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("tgtadm: %w: %s", err, strings.TrimSpace(problem.String()))
	}
	return unitsIn(out.String(), iqn), nil
}

// unitsIn reads tgtadm's listing.
func unitsIn(listing, iqn string) []unit {
	var units []unit
	for _, target := range cut(listing, targetLine) {
		_, acl, found := strings.Cut(target, "ACL information:")
		if !found || !isListed(acl, iqn) {
			continue
		}
		for _, lun := range cut(target, lunLine) {
			id, path := first(scsiID, lun), first(backing, lun)
			// Unit 0 is the target's own controller.
			info, err := os.Stat(path)
			if err != nil || strings.HasPrefix(id, "IET") {
				continue
			}
			units = append(units, unit{naa: "naa." + strings.ToLower(id), bytes: info.Size()})
		}
	}
	return units
}

func isListed(acl, iqn string) bool {
	for _, line := range strings.Split(acl, "\n") {
		if name := strings.TrimSpace(line); name == iqn || name == "ALL" {
			return true
		}
	}
	return false
}

// cut gives the parts of a text that begin with a line of that form.
func cut(text string, begin *regexp.Regexp) []string {
	at := begin.FindAllStringIndex(text, -1)
	parts := make([]string, len(at))
	for i := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		parts[i] = text[at[i][0]:end]
	}
	return parts
}

func first(form *regexp.Regexp, text string) string {
	if found := form.FindStringSubmatch(text); found != nil {
		return strings.TrimSpace(found[1])
	}
	return ""
}

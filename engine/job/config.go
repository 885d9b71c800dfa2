package job

import (
	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/attempt"
)

// Config is what the engine is told of a job; package config declares it.
type Config = config.Config

// Settings are the part of a Config that an attempt is activated with.
type Settings = config.Settings

// Restart says when what failed is begun again.
type Restart = config.Restart

// Restore is what the user asks for and agrees to at the start of an attempt.
type Restore = config.Restore

// Options are what a process adds to a Config.
type Options struct {
	Process
	// Started is called when the job's controls work, before it reads anything; once, also if Run makes a second attempt.
	Started func(*Handle)
}

// Process is what every process adds: the user's command, and that of a pod.
type Process = attempt.Process

// Step is a place between two writes at which a crash must lose nothing.
type Step = attempt.Step

// The steps that Process.AtStep is called at; package attempt says what each stands for.
const (
	StepRestoring  = attempt.StepRestoring
	StepDeployed   = attempt.StepDeployed
	StepPublished  = attempt.StepPublished
	StepCommit     = attempt.StepCommit
	StepCommitted  = attempt.StepCommitted
	StepUnrecorded = attempt.StepUnrecorded
	StepRetire     = attempt.StepRetire
	StepRetired    = attempt.StepRetired
)

// Result is how a run ended and what it stands on.
type Result = attempt.Result

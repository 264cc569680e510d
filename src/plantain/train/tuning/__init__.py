"""Tuning open generators on instruction samples: `conditions` (what the denoiser is told), `objective` (the losses),
`editor` (what is trained), `presets`, `plan` (memory and time before anything is loaded), `result` (what comes out)."""

-- Write dirty pages out, so that the run to come does not pay for what was before it.
checkpoint;

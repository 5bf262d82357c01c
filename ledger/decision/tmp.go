package decision

const purposeCheckpoint = "checkpoint"

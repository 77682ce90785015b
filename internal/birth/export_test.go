package birth

// Meet is Resolve without a write.
func (b *Birth) Meet(found int64) (replace bool) { return b.meet(found) }

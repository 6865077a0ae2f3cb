extension Certificate {
    /// Whether both say the same of whom they are for, and who says so: the same subject and alternative names, the same
    /// issuer's name, and a key of the same kind. A renewed certificate does.
    ///
    /// Alternative names count because the subject alone need not tell people apart: it may be empty (RFC 5280
    /// §4.1.2.6). What has neither is nobody's renewal.
    package func isSameIdentity(as other: Certificate) -> Bool {
        let names = Set(alternativeNames ?? [])
        guard !subject.isEmpty || !names.isEmpty else { return self == other }
        return rawSubject == other.rawSubject && names == Set(other.alternativeNames ?? [])
            && rawIssuer == other.rawIssuer && publicKey.algorithm == other.publicKey.algorithm
    }
}

import CGnuTLS

/// What is offered or accepted, parsed. Sessions may share it.
final class Priorities: @unchecked Sendable {  // safe: nobody changes it once it is parsed
    let handle: gnutls_priority_t
    /// Whether a hello comes with a key for the first of its groups alone.
    let sharesOneKey: Bool

    /// - Parameter group: For clients, the group that servers are expected to choose, by GnuTLS's name.
    init(_ options: TLSOptions, isClient: Bool, expecting group: String?) throws(GnuTLSError) {
        (handle, sharesOneKey) = try KeyShares.priority(options.priorityString) {
            isClient ? options.groupOrder($0, expecting: group) : nil
        }
    }

    deinit { gnutls_priority_deinit(handle) }
}

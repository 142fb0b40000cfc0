import ArgumentParser

/// A value on the command line whose refusal says what would be accepted: of other values ArgumentParser says only that
/// they are invalid.
///
/// `@Argument` and `@Option` below take the place of ArgumentParser's own wherever such a value is declared.
protocol ExplainedArgument: ExpressibleByArgument {
    /// What is accepted, as it stands behind "must be".
    static var form: String { get }
}

extension ExplainedArgument {
    fileprivate static func explained(_ argument: String) throws -> Self {
        guard let value = Self(argument: argument) else { throw ValidationError("must be \(form)") }
        return value
    }
}

extension Argument where Value: ExplainedArgument {
    init(help: ArgumentHelp? = nil, completion: CompletionKind? = nil) {
        self.init(
            help: help, completion: completion ?? Value.defaultCompletionKind,
            transform: { try Value.explained($0) }
        )
    }
}

extension Argument {
    init<T: ExplainedArgument>(help: ArgumentHelp? = nil, completion: CompletionKind? = nil) where Value == T? {
        self.init(
            help: help, completion: completion ?? T.defaultCompletionKind, transform: { try T.explained($0) }
        )
    }
}

// The parameters are those of ArgumentParser's own: with fewer of them the compiler could not choose.
extension Option {
    init<T: ExplainedArgument>(
        name: NameSpecification = .long, parsing parsingStrategy: SingleValueParsingStrategy = .next,
        help: ArgumentHelp? = nil, completion: CompletionKind? = nil
    ) where Value == T? {
        self.init(
            name: name, parsing: parsingStrategy, help: help, completion: completion ?? T.defaultCompletionKind,
            transform: { try T.explained($0) }
        )
    }

    init<T: ExplainedArgument>(
        wrappedValue: [T], name: NameSpecification = .long,
        parsing parsingStrategy: ArrayParsingStrategy = .singleValue, help: ArgumentHelp? = nil,
        completion: CompletionKind? = nil
    ) where Value == [T] {
        self.init(
            wrappedValue: wrappedValue, name: name, parsing: parsingStrategy, help: help,
            completion: completion ?? T.defaultCompletionKind, transform: { try T.explained($0) }
        )
    }
}

import ArgumentParser
import Configuration
@main struct M: ParsableCommand {}

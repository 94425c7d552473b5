//! Topics and fields that a channel cannot have.

use crate::sandbox::Sandbox;

#[test]
fn topics_that_go_elsewhere() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen socket User").succeeded();
    sandbox.phx("gen channel Room").succeeded();
    for (command, message, hint) in [
        (
            "gen channel Admin.Room",
            "the topics \"room:*\" go to RoomChannel already: UserSocket has the route \"room:*\"",
            "--topic 'admin_room:*'",
        ),
        (
            "gen channel Lobby --topic room:lobby",
            "the topics \"room:lobby\" go to RoomChannel already",
            "--topic 'lobby:*'",
        ),
        (
            "gen channel Room --topic chat:*",
            "RoomChannel has the topics \"room:*\" in src/channels/user_socket.rs already",
            "change the route there",
        ),
        (
            "gen channel Desk say:user_id:string",
            "the event `say` cannot have the field `user_id`",
            "the server adds the sender's own",
        ),
    ] {
        let before = sandbox.files();
        let error = sandbox.phx(command).failed();
        assert_eq!(sandbox.files(), before, "{command}");
        assert!(error.contains(message), "{command}: {error}");
        assert!(error.contains(hint), "{command}: {error}");
    }
}

/** What the server says in English, in Japanese: what to do about problems, why somebody may or may not do something, and how messages and connections ended. */
export const said: Record<string, string> = {
  'Many clients connect at once. If they are yours, raise this limit of the listener.':
    '多数のクライアントが同時に接続しています。自分のクライアントであれば、リスナーのこの上限を上げてください。',
  'As many connections are open as may be. Raise global_max_connections, or find out who holds them on the page of clients.':
    '接続数が上限に達しています。global_max_connections を上げるか、クライアントのページで誰が接続しているかを確認してください。',
  'As many clients are connected to the listener as may be. Raise its max_connections.':
    'リスナーの接続数が上限に達しています。リスナーの max_connections を上げてください。',
  'The server uses as much memory as it may. Raise memory_limit, or look for large queues on the page of clients.':
    'サーバーのメモリ使用量が上限に達しています。memory_limit を上げるか、クライアントのページで大きなキューを探してください。',
  'Logins from this address failed before. Correct the name or the password; waiting a few seconds is enough.':
    'このアドレスからのログインは以前に失敗しています。ユーザー名またはパスワードを直してください。数秒待てば再試行できます。',
  'User name or password are wrong or missing. Look at password_file, or at allow_anonymous if clients give no name.':
    'ユーザー名またはパスワードが間違っているか、ありません。password_file を、名前を送らないクライアントなら allow_anonymous を確認してください。',
  'User name or password are wrong. They are those of MQTT on the console\'s listener: look at password_file.':
    'ユーザー名またはパスワードが間違っています。コンソールのリスナーの MQTT と同じものです。password_file を確認してください。',
  'The client speaks a version of MQTT that accept_protocol_versions of its listener leaves out.':
    'クライアントの MQTT のバージョンは、リスナーの accept_protocol_versions に含まれていません。',
  'The client identifier is empty or not allowed: see allow_zero_length_clientid and clientid_prefixes.':
    'クライアント ID が空か、許可されていません。allow_zero_length_clientid と clientid_prefixes を確認してください。',
  'Encryption could not be agreed upon. Compare the client\'s certificate with cafile and crlfile of the listener.':
    '暗号化の取り決めができませんでした。クライアントの証明書をリスナーの cafile と crlfile と照らし合わせてください。',
  'What came is no connection that MQTT allows. Check that the client speaks what the listener does: MQTT, TLS or WebSocket.':
    'MQTT として正しい接続ではありません。クライアントがリスナーと同じもの（MQTT、TLS、WebSocket）を使っているか確認してください。',
  'The rights do not grant it. Add a line for this user and topic to acl_file, or correct the topic.':
    '権限がありません。このユーザーとトピックの行を acl_file に加えるか、トピックを直してください。',
  'There are as many retained messages as may be. Delete some, or raise max_retained_messages or max_retained_bytes.':
    '保持メッセージの数が上限に達しています。いくつか削除するか、max_retained_messages または max_retained_bytes を上げてください。',
  'The client has as many subscriptions as it may. Raise max_subscriptions, or use wildcards.':
    'クライアントの購読数が上限に達しています。max_subscriptions を上げるか、ワイルドカードを使ってください。',
  'There is no room on the disk, or persistence_max_bytes is reached. Make room, or raise the limit.':
    'ディスクに空きがないか、persistence_max_bytes に達しています。空きを作るか、上限を上げてください。',
  'The client uses packet identifiers again before their exchange has ended. Its library has a fault.':
    'クライアントが、やり取りの終わっていないパケット ID を再び使っています。クライアントのライブラリの不具合です。',
  'The message is larger than message_size_limit allows.': 'メッセージが message_size_limit の上限を超えています。',
  'The client is away, or slower than what it subscribed to. Raise max_queued_messages, or have it subscribe to less.':
    'クライアントが不在か、購読した量に追いついていません。max_queued_messages を上げるか、購読を減らしてください。',
  'The client reads more slowly than messages come. QoS 1 lets them wait; otherwise have it subscribe to less.':
    'クライアントの受信がメッセージの到着より遅くなっています。QoS 1 なら待機します。そうでなければ購読を減らしてください。',
  'The client said that it takes no packets of this size. Publish smaller messages, or raise what the client says.':
    'クライアントはこの大きさのパケットを受け取らないと宣言しています。メッセージを小さくするか、クライアントの設定を上げてください。',
  'The message waited longer than its publisher wanted it to live.': 'メッセージの待ち時間が、送信元の指定した有効期限を超えました。',
  'No member of the share group is there or has room. Add members, or raise their receive maximum.':
    '共有グループに、接続していて余裕のあるメンバーがいません。メンバーを増やすか、Receive Maximum を上げてください。',
  'A member of the share group lacks the right to read what the group gets. Correct acl_file.':
    '共有グループのメンバーに、グループ宛てのメッセージを読む権限がありません。acl_file を直してください。',
  'The client said nothing for one and a half times its keep alive: it lost its network, or it does not send pings.':
    'クライアントが Keep Alive の 1.5 倍の間、何も送りませんでした。ネットワークが切れたか、PINGREQ を送っていません。',
  'Two clients use the same client identifier, or one came back before its old connection was noticed to be gone. Give each its own.':
    '2 つのクライアントが同じクライアント ID を使っているか、古い接続が切れたと判明する前に再接続しました。それぞれ別の ID にしてください。',
  'Its login or its rights do not count any more since the files were read again.':
    'ファイルの再読み込みにより、ログインまたは権限が無効になりました。',
  'The client sent more than max_packet_size allows.': 'クライアントが max_packet_size の上限を超えるパケットを送りました。',
  'The client sent what is no MQTT. Its library has a fault, or something else speaks there.':
    'クライアントが MQTT でないものを送りました。ライブラリの不具合か、別のプログラムの接続です。',
  'The client broke a rule of MQTT. Its library has a fault.': 'クライアントが MQTT の規則に違反しました。ライブラリの不具合です。',
  'The client went without a word (DISCONNECT): it crashed, lost its network, or was stopped.':
    'クライアントが DISCONNECT を送らずに切断しました。異常終了、ネットワークの切断、または強制終了です。',
  'The network between broke the connection.': '途中のネットワークで接続が切れました。',
  'Something connected and said nothing: a port scanner, a health check, or a client that speaks TLS where there is none.':
    '接続後に何も送られてきませんでした。ポートスキャン、ヘルスチェック、または TLS でないポートへの TLS 接続です。',
  'The client sends more than max_client_messages_per_second or max_client_bytes_per_second allow.':
    'クライアントの送信量が max_client_messages_per_second または max_client_bytes_per_second の上限を超えています。',

  'Allowed: there is no ACL file.': '許可: ACL ファイルがありません。',
  'Allowed: each message is asked about when it is delivered.':
    '許可: メッセージごとに、配信時に判定されます。',
  'Allowed by line {n}.': '{n} 行目により許可されます。',
  'Denied by line {n}.': '{n} 行目により拒否されます。',
  'Denied: the file has patterns, and the User Name has a wildcard in it.':
    '拒否: ファイルに pattern があり、ユーザー名にワイルドカードが含まれています。',
  'Denied: the file has patterns, and the Client Identifier has a wildcard in it.':
    '拒否: ファイルに pattern があり、クライアント ID にワイルドカードが含まれています。',
  'Denied: no rule of the User matches, and no pattern.':
    '拒否: このユーザーのルールにも pattern にも一致するものがありません。',
  'Denied: the file does not name the User, and no pattern matches.':
    '拒否: ファイルにこのユーザーの記載がなく、一致する pattern もありません。',
  'Denied: no rule for Clients without User Name matches, and no pattern.':
    '拒否: ユーザー名のないクライアント向けのルールにも pattern にも一致するものがありません。',
  'What tokens and web services grant counts beside it when somebody logs in.':
    'トークンや Web サービスが与える権限は、ログイン時にこれに加わります。',
  'Topics of the server itself cannot be published to.':
    'サーバー自身のトピックには送信できません。',
  'User Name or Client Identifier has a \'+\', \'#\' or \'/\' in it, and so is granted nothing.':
    'ユーザー名またはクライアント ID に「+」「#」「/」のいずれかが含まれているため、何も許可されません。',

  'queue full': 'キューが満杯',
  'the client does not read': 'クライアントが受信しない',
  'larger than the client\'s maximum packet size': 'クライアントの最大パケットサイズを超過',
  'expired while waiting': '待機中に期限切れ',
  'no member of the share group has room': '共有グループに余裕のあるメンバーがいない',
  'the member of the share group may not read it': '共有グループのメンバーに読む権限がない',
  'for the reasons told before': '前述の理由による',
  'not authorised': '認可されていない',
  'login to the console': 'コンソールへのログイン',
  'connection closed by client': 'クライアントが接続を切断',
  'the client said goodbye': 'クライアントが正常に切断',
  'the page was closed': 'ページが閉じられた',
  'no CONNECT came in time': 'CONNECT が時間内に届かない',
  'exceeded timeout': 'タイムアウト',
  'session taken over': 'セッションの引き継ぎ',
  'server shutting down': 'サーバーの停止',
  'administrative action': '管理者の操作',
  'protocol error': 'プロトコルエラー',
  'malformed packet': '不正なパケット',
  'oversize packet': '大きすぎるパケット',
  'quota exceeded': '上限超過',
  'told in the log': 'ログに記録',
  'Connection refused': '接続が拒否されました',
  'Packet Identifier in use': '使用中のパケット ID',
};

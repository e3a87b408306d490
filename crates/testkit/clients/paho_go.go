// A client with Eclipse Paho's library for Go; what it says and does is told in tests/foreign_clients.rs.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

func main() {
	role, port, id := os.Args[1], os.Args[2], os.Args[3]
	from, count := number(os.Args[4]), number(os.Args[5])

	messages := make(chan mqtt.Message, count)
	options := mqtt.NewClientOptions().AddBroker("tcp://127.0.0.1:" + port).SetClientID(id).SetCleanSession(false)
	options.SetDefaultPublishHandler(func(_ mqtt.Client, message mqtt.Message) { messages <- message })
	if role == "publish" {
		options.SetWill("clients/will", "gone", 1, false)
	}
	client := mqtt.NewClient(options)
	succeed(client.Connect())
	// The library keeps to itself whether the server had a Session.
	fmt.Println("connected ?")

	if role == "publish" {
		for i := from; i < from+count; i++ {
			succeed(client.Publish("clients/readings", 2, false, strconv.Itoa(i)))
		}
		fmt.Println("published")
		select {}
	}
	succeed(client.Subscribe("clients/#", 2, nil))
	for ; count > 0; count-- {
		message := <-messages
		fmt.Println(message.Topic(), message.Qos(), string(message.Payload()))
	}
	client.Disconnect(250)
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return value
}

func succeed(token mqtt.Token) {
	if !token.WaitTimeout(time.Minute) {
		panic("no answer")
	}
	if token.Error() != nil {
		panic(token.Error())
	}
}
